// Package cybs speaks with Cybersource (Visa Acceptance) about webhooks, in both directions.
//
// Outgoing, a [Client] manages what an organization has at Cybersource: digital signature keys, the catalogue of
// products and event types, and subscriptions. Requests are authenticated by HTTP Signature or by a JSON Web Token
// (see [Scheme]); answers are read tolerantly, because Cybersource's documents, SDKs and servers disagree about
// numbers and strings, formats of time, status codes and shapes. What is sent follows the webhooks guide; every choice
// between two documented forms stands in the comment of the method that makes it.
//
// Incoming, [ParseNotification] reads a delivery in any of its known forms without ever re-encoding it, and [Verify]
// checks its v-c-signature against every variant that Cybersource's own receivers are known to use, telling which one
// matched. [RetryPolicy.Schedule] says when the next attempt of a failed delivery is due.
//
// The package refuses to do some things on purpose. It follows no redirect, since a signature is bound to one host and
// path. It repeats only idempotent calls. It reads no answer larger than 1 MiB. It never prints a secret: [Secret] is
// redacted by every verb of fmt, by encoding/json and by log/slog. It keeps no state besides the client itself and
// reads the time only through the clock it is given.
//
// A working stand-in for Cybersource's side lives in the sandbox package below this one.
package cybs
