// Package storetest gives every test a database of its own on a real PostgreSQL.
//
// A package that uses it says so in its TestMain:
//
//	func TestMain(m *testing.M) { storetest.Main(m) }
//
// The first test that asks starts a throw-away PostgreSQL for the test process (or takes the server that TEST_DATABASE_URL names)
// and migrates a template database; each further one costs a clone of it. No server is a failure, never a skip.
// Nothing but tests may import it.
package storetest
