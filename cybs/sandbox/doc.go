// Package sandbox is Cybersource's side of webhooks, working: the stand-in for
// api.cybersource.com that tests, `make run` and the console's playground talk to.
//
// It answers the REST API (digital signature keys, products, subscriptions,
// test notification) with requests authenticated as Cybersource does, pings
// health check URLs, moves subscriptions through their statuses, and delivers
// signed notifications with retries, suspension and draining. Events are made
// by [Sandbox.Emit], by the admin API under /sandbox/v1/, or by a trickle.
//
// What Cybersource does not publish, or publishes twice and differently, is a
// decision. Each is a field of [Config] whose zero value is the documented
// default, so that a client can be tried against every reading.
//
// OAuth client credentials and encryption certificates are accepted and kept, but
// notifications carry no token and are not encrypted yet, so the products call
// says payloadEncryption false throughout. The withdrawn replay call answers 404,
// as Cybersource does today.
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
package sandbox
