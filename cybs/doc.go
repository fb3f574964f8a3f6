// Package cybs speaks with Cybersource (Visa Acceptance) about webhooks, in both directions. It is all that a program needs
// to subscribe to notifications, to receive them, and to find out why one was not accepted.
//
// # Calling Cybersource
//
// A [Client] has a method for every operation of the webhooks API. Making one sends nothing:
//
//	secret, err := cybs.ParseSecret(os.Getenv("CYBS_SHARED_SECRET"))
//	…
//	client, err := cybs.New(cybs.Config{
//		BaseURL:     cybs.Test.BaseURL(),
//		Credentials: cybs.Credentials{MerchantID: "my_org", KeyID: "08c94330-…", Secret: secret},
//	})
//
// The usual order of calls is: [Client.CreateSignatureKey] once for the organization (the answer is the only place where the
// secret ever stands), [Client.ListProducts] for what it may be told about, [Client.CreateSubscription], and when the URLs
// are approved [Client.SetSubscriptionStatus] and [Client.TestSubscription]. [Client.StoreOAuthCredentials] and
// [Client.StoreMLECertificate] are for subscriptions with OAuth and with encryption. [Client.Replay] asks for
// notifications again where an account still has that operation.
//
// [Scheme] chooses how requests prove who sends them: a JSON Web Token signed by the shared secret (the default) or by a
// certificate ([ParseP12], [ParseCertificate]), in today's form or that of older SDKs, or HTTP Signature. A key that belongs
// to a portfolio (a meta key) works with all of them: set [Credentials].PortfolioID.
//
// Errors that Cybersource answers with are an [*APIError], in whatever of its shapes; errors.Is knows [ErrNotFound],
// [ErrUnauthorized], [ErrAlreadyExists] and others. What cannot be right is not sent, and is [ErrInvalidArgument].
//
// Cybersource's documents, SDKs and servers disagree about numbers and strings, formats of time, status codes and shapes.
// All forms are read. Where one must be chosen to be sent, [Dialect] names the choice, its default and the alternative;
// [Config].APIVersion switches to the URLs of version 1.
//
// # Receiving notifications
//
// A receiver reads the body once, keeps its bytes, and gives them to
//
//   - [OpenNotification] (or [ParseNotification], if nothing is encrypted), which reads a delivery in any of its known forms
//     without ever re-encoding it, decrypting it where it is encrypted;
//   - [Verify], which checks its v-c-signature against every variant that Cybersource's own receivers are known to use, and
//     tells which one matched;
//   - [Explain], where Verify refuses it: what is the likely reason, in a plain sentence for people.
//
// [Notification.Kind] says what it is about, and the accessor of that kind ([Notification.Payment],
// [Notification.NetworkToken], [Notification.Invoice] …) reads what the product sends; members that are not known stay in
// Extra, and amounts stay text. Deliveries come at least once and in any order, each attempt with a trace id of its own.
//
// An empty POST, or a GET, of the health check URL must be answered 200, or Cybersource suspends the subscription.
// [RetryPolicy.Schedule] says when the next attempt of a failed delivery is due, and [RetryPolicy.Cover] how long a receiver
// may be away.
//
// # Encryption
//
// [NewMLECertificate] makes the certificate that [Client.StoreMLECertificate] gives to Cybersource; its private key goes into
// the [MLEKeys] of OpenNotification. [MLE] encrypts the calls of the client themselves, for accounts that are told to.
//
// # What the package refuses to do
//
// It follows no redirect, since a signature is bound to one host and path. It repeats only idempotent calls, a few times,
// with jitter, and obeys Retry-After within bounds. It reads no answer larger than 1 MiB. It never prints a secret: [Secret],
// [Certificate] and all that hold one are redacted by every verb of fmt, by encoding/json and by log/slog. It keeps no state
// besides the client itself, and reads the time only through the clock it is given.
//
// A working stand-in for Cybersource's side lives in the sandbox package below this one.
package cybs
