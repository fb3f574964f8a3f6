// Package e2e runs the real program and looks at it from outside: a browser that goes through the console as its users do, and
// a sender that checks that nothing answered 200 is ever lost, whatever is done to the program and to Postgres meanwhile (TestTorture…). It has tests only.
//
// Chromium and the npm package axe-core must be there; `make test` installs both. Screenshots of every page, light and dark,
// narrow and wide, are left in build/screenshots for a person to look at.
package e2e
