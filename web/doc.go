// Package web is the console: HTTP in, HTML out.
//
// It is the only room that knows echo, sessions and the HX-* headers. routes.go holds every route with its middleware and
// its role; a handler parses, calls and renders, and returns its error; errors.go turns errors into pages and into one
// log line each. What Cybersource and the database say is mapped here to what views show.
//
// It refuses to receive notifications (package receiver does, on another listener), to read the environment, and to open
// or start anything that its Config does not hand it.
package web
