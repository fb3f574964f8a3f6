// Package receiver is the door that Cybersource knocks on: it takes notifications and health pings, judges signatures, and
// answers only when what it says is true.
//
// A delivery goes through receiver.go in the order of the page: endpoint, bounded read, health ping, policy (source, client
// certificate, token), verdict (signature, encryption), group commit, answer. 200 means stored durably, 401 refused and
// stored, 503 not stored: send it again. After the commit, and never before the answer, the grouper turns deliveries into
// notifications; what a crash leaves, the next start finishes.
//
// Beside it stands a token server for subscriptions with OAuth, POST /oauth/token.
//
// The package refuses to have sessions, redirects, HTML or, but for tokens, bodies in its answers: they tell a stranger nothing. It
// uses net/http alone and shares no middleware with the console.
package receiver
