// Package embedded runs a private PostgreSQL for a program that was given no database.
//
// It starts the postgres binary itself as a child, on a Unix socket only, and owns it from then on: the child ends when this
// process ends, however it ends, and what a killed predecessor left behind is stopped or cleared before the next start. It works
// as an ordinary user and as root, where PostgreSQL refuses to run and another account or a user namespace takes over.
//
// It refuses to delete data: a data directory of another major version, of another owner or in use by another server is an
// error that says what to do, never something to repair. It knows nothing of the tables in the database.
//
// Below Config.Dir stand:
//
//	lock           held with flock while a server uses the directory
//	password       of the one database role, mode 0600
//	postgres.log   what PostgreSQL writes
//	run/           the socket, unless that path is too long for one
//	<major>/data   the cluster, for example 15/data
package embedded
