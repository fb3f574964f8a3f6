// Package conformance holds the sandbox against Cybersource's own software: the
// official Node SDK, in its current version and in the last one with version 1 and
// replays, drives every operation over TLS under every authentication scheme. What
// it takes from npm is pinned in package-lock.json; `npm ci` in this directory
// installs it.
package conformance
