// Package audit has the pages of the audit log: who did what, to which thing, from where, with what outcome.
package audit
