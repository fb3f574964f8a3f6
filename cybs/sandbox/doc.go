// Package sandbox is Cybersource's side of webhooks, working: the stand-in for
// api.cybersource.com that tests, `make run` and the console's playground talk to.
//
// It answers the REST API (keys, products, subscriptions of both versions, test
// notification and, where it is offered, the withdrawn replay) with requests
// authenticated as Cybersource does, reviews URLs, pings health check URLs, moves
// subscriptions through their statuses, and delivers signed notifications with
// retries, suspension and draining; with tokens of the receiver's own token
// server under the OAuth policies, and encrypted where the product asks for it.
// Events are made by [Sandbox.Emit], by the admin API under /sandbox/v1/, or by a
// trickle. A [Fault] makes a notification wrong; a [Condition] makes the sandbox
// itself ill.
//
// What Cybersource does not publish, or publishes twice and differently, is a
// decision. Each is a field of [Config] whose zero value is the documented
// default, so that a client can be tried against every reading. docs/fidelity.md
// lists them with the tests that show them.
//
// The package refuses to be more than a stand-in: it keeps everything in memory
// (and in one file when told to), trusts whoever reaches its admin API, and must
// never be reachable from a network that is not yours. It makes up data and
// never writes a card number into it.
//
// # Time
//
// [Config.Now] dates what is sent and judges the clocks of clients. Waiting is
// done on the machine's monotonic clock, divided by [Config.TimeScale]: with 60,
// a minute of Cybersource's passes in a second, while timestamps stay real, so
// that receivers with a clock tolerance still verify.
//
// # Alone
//
// A sandbox of one's own, for a receiver under test, is a Config with one
// [Organization], [New], [Sandbox.Start] and [Sandbox.NewHTTPServer], with an
// [Authority] for TLS.
package sandbox
