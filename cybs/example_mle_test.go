package cybs_test

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

// A receiver of encrypted notifications: the signature may cover the body as it came or the decrypted text, so both are
// given to Verify.
func ExampleOpenNotification() {
	certificate, err := cybs.NewMLECertificate(cybs.MLECertificateOptions{CommonName: "08c94330-f618", OrganizationID: "my_org"})
	if err != nil {
		panic(err)
	}
	// client.StoreMLECertificate(ctx, "my_org", certificate, cybs.KeyOptions{ExpiryDays: 365}) gives it to Cybersource, and
	// the key id of the answer is the ID here.
	keys := cybs.MLEKeys{Keys: []cybs.MLEKey{{ID: "937dfa75", Certificate: certificate}}}
	signatureKey := cybs.Key{ID: "key-1", Secret: cybs.Secret("32 bytes that nobody else knows.")}

	// What arrives.
	leaf, err := x509.ParseCertificate(certificate.DER())
	if err != nil {
		panic(err)
	}
	now := time.UnixMilli(1767225600000)
	jwe, err := cybs.EncryptMLE(leaf, "937dfa75", []byte(`{"eventType":"uc.orders.transactionresults","payload":{"details":{"id":"743","status":"AUTHORIZED"}}}`), now)
	if err != nil {
		panic(err)
	}
	body := []byte(`{"encData":"` + jwe + `"}`)
	header := http.Header{"V-C-Signature": {cybs.Sign(signatureKey, now, body)}}

	n, err := cybs.OpenNotification(header, body, keys)
	if errors.Is(err, cybs.ErrMLEWrongKey) {
		fmt.Println("the certificate at Cybersource belongs to another private key")
		return
	}
	if err != nil {
		panic(err)
	}
	in := cybs.VerifyInput{
		Signature: header.Get(cybs.HeaderSignature), Body: body, Now: now,
		LookupKey: func(id string) (cybs.Key, bool) { return signatureKey, id == signatureKey.ID },
	}
	if n.Encryption != nil {
		in.Decrypted = n.Encryption.Plain
	}
	v, err := cybs.Verify(in)
	fmt.Println(n.Encryption.Wrapping, n.Encryption.Header.Encryption, v.Variant, err)

	payment, err := n.Payment()
	fmt.Println(payment.ID, payment.Status, err)
	// Output:
	// encData A256GCM body <nil>
	// 743 AUTHORIZED <nil>
}

// What a notification carries is read by the accessor of its kind.
func ExampleNotification_NetworkToken() {
	n, err := cybs.ParseNotification(http.Header{}, []byte(`{"eventType":"tms.networktoken.updated","webhookId":"w1","payload":{"data":{
		"reason":"TOKEN_STATUS_UPDATED","id":"BB","type":"tokenizedCardUpdates","issuerNote":"new member",
		"_links":{"tokenized-cards":[{"href":"/tms/v2/tokenized-cards/38F","id":"38F","state":"SUSPENDED"}]}},"organizationId":"child"}}`))
	if err != nil {
		panic(err)
	}
	if n.Kind() != cybs.KindNetworkToken {
		return
	}
	token, err := n.NetworkToken()
	if err != nil {
		panic(err)
	}
	fmt.Println(token.Reason, token.TokenizedCards[0].ID, token.TokenizedCards[0].State, string(token.Extra["issuerNote"]))
	// Output: TOKEN_STATUS_UPDATED 38F SUSPENDED "new member"
}

// Amounts keep the text in which Cybersource wrote them.
func ExampleNotification_Payment() {
	n, err := cybs.ParseNotification(http.Header{}, []byte(`{"eventType":"payments.authorization.status.accepted","payload":{"data":{
		"id":"743","status":"AUTHORIZED","orderInformation":{"amountDetails":{"authorizedAmount":100.10,"currency":"USD"}}}}}`))
	if err != nil {
		panic(err)
	}
	payment, err := n.Payment()
	if err != nil {
		panic(err)
	}
	fmt.Println(payment.ID, payment.Status, payment.Amounts.Authorized, payment.Amounts.Currency)
	_, err = n.Invoice()
	fmt.Println(errors.Is(err, cybs.ErrOtherKind))
	// Output:
	// 743 AUTHORIZED 100.10 USD
	// true
}

// When a delivery is refused, people want to know why.
func ExampleExplain() {
	key := cybs.Key{ID: "key-1", Secret: cybs.Secret("32 bytes that nobody else knows.")}
	now := time.UnixMilli(1767225600000)
	sent := []byte(`{"webhookId":"w1","payload":{"data":{"id":"1"}}}`)
	received := []byte("{\n  \"webhookId\": \"w1\",\n  \"payload\": {\n    \"data\": {\n      \"id\": \"1\"\n    }\n  }\n}")

	why := cybs.Explain(cybs.ExplainInput{
		Signature: cybs.Sign(key, now, sent), Body: received, Now: now,
		OrganizationID: "my_org", Environment: cybs.Test,
		Keys: []cybs.KnownKey{{Key: key, OrganizationID: "my_org", Environment: cybs.Test}},
	})
	fmt.Println(why.Rung)
	fmt.Println(why.Sentence())
	// Output:
	// re-serialised
	// The signature fits the same JSON written differently: something on the way read the body and wrote it anew. Signed was the compact form.
}
