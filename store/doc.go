// Package store keeps Switchboard's data in Postgres and holds the domain types that it keeps.
//
// It knows no HTTP and no Cybersource: package web, its receiver and the jobs map between these types and theirs. Every
// list is bounded and paged by key, every secret and every received body is sealed before it leaves the process,
// and driver errors come out as the sentinels of errors.go.
package store
