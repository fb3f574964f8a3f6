package cybs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

// stand answers as Cybersource would: by the last part of the path.
func stand(answers map[string]string) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, ok := answers[r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]]
		if !ok {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		_, _ = io.WriteString(w, body)
	}))
}

func newClient(srv *httptest.Server, change func(*cybs.Config)) *cybs.Client {
	cfg := cybs.Config{
		BaseURL: srv.URL, HTTPClient: srv.Client(), // in earnest: BaseURL: cybs.Test.BaseURL()
		Credentials: cybs.Credentials{MerchantID: "my_org", KeyID: "08c94330-f618-42a3-b09d-e1e43be5efda", Secret: cybs.Secret("32 bytes that nobody else knows.")},
	}
	if change != nil {
		change(&cfg)
	}
	client, err := cybs.New(cfg)
	if err != nil {
		panic(err)
	}
	return client
}

// A digital signature key belongs to the organization, and its secret is shown once.
func ExampleClient_CreateSignatureKey() {
	srv := stand(map[string]string{"keys-sym": `{"status":"SUCCESS","keyInformation":{"keyId":"0f0e0d0c-0b0a-0908-0706-050403020100",
		"key":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=","status":"active","expirationDate":"2027-01-01T00:00:00Z"}}`})
	defer srv.Close()
	key, err := newClient(srv, nil).CreateSignatureKey(context.Background(), "my_org", cybs.KeyOptions{ExpiryDays: 365})
	if err != nil {
		panic(err)
	}
	fmt.Println(key.KeyID, key.ExpiresAt.Format(time.DateOnly), len(key.Key), "bytes")
	fmt.Println("seal and store key.Key.Base64() now; it prints as", key.Key)
	// Output:
	// 0f0e0d0c-0b0a-0908-0706-050403020100 2027-01-01 32 bytes
	// seal and store key.Key.Base64() now; it prints as [redacted]
}

// Requests of JWTP12 are signed by the certificate from the Business Center.
func ExampleParseP12() {
	_, err := cybs.ParseP12([]byte("the bytes of my_org.p12"), "its password")
	switch {
	case errors.Is(err, cybs.ErrWrongPassword):
		fmt.Println("the password does not fit")
	case errors.Is(err, cybs.ErrNoPrivateKey):
		fmt.Println("this file has the certificate only")
	case err != nil:
		fmt.Println("no P12 file")
	}
	// With a certificate:
	//
	//	cybs.Credentials{Scheme: cybs.JWTP12, MerchantID: "my_org", Certificate: certificate}

	// Output: no P12 file
}

// Credentials for the tokens that Cybersource fetches before it delivers.
func ExampleClient_StoreOAuthCredentials() {
	srv := stand(map[string]string{"keys-sym": `{"status":"SUCCESS","keyInformation":{"keyId":"k1","clientKeyId":"switchboard","key":"hush"}}`})
	defer srv.Close()
	stored, err := newClient(srv, nil).StoreOAuthCredentials(context.Background(), "my_org",
		cybs.OAuthCredentials{ClientID: "switchboard", ClientSecret: cybs.Secret("hush")}, cybs.KeyOptions{ExpiryDays: 365})
	if err != nil {
		panic(err)
	}
	policy := cybs.SecurityPolicy{Type: cybs.SecurityOAuth, OAuth: cybs.OAuthConfig{
		URL: "https://hooks.example.com/oauth/token", TokenType: "Bearer", KeyID: stored.KeyID,
	}}
	fmt.Println(policy.Type, policy.OAuth.KeyID)
	// Output: oAuth k1
}

// The withdrawn replays: an account without them is told apart from a subscription that is not there.
func ExampleClient_Replay() {
	srv := stand(map[string]string{"w1": `{"webhookId":"w1"}`}) // and no replays
	defer srv.Close()
	client := newClient(srv, nil)
	last24Hours := cybs.Replay{
		Status: cybs.DeliveryFailed, HoursBack: 24, ProductID: "tokenManagement", EventType: "tms.networktoken.updated",
	}
	err := client.Replay(context.Background(), "w1", last24Hours)
	fmt.Println(errors.Is(err, cybs.ErrNotOffered))

	last24Hours.HoursBack = 48
	fmt.Println(last24Hours.Validate(time.Now()))
	// Output:
	// true
	// hoursBack must be 1 to 24
}

// Where the documents disagree, the Dialect decides what is sent.
func ExampleDialect() {
	srv := stand(nil)
	defer srv.Close()
	newClient(srv, func(cfg *cybs.Config) {
		cfg.APIVersion = cybs.APIVersion1
		cfg.Dialect = cybs.Dialect{KeyOrder: cybs.KeyOrderGuide, DeactivateFlagBool: true}
	})
	_, err := cybs.New(cybs.Config{BaseURL: srv.URL, APIVersion: "v7"})
	fmt.Println(err)
	// Output: new cybersource client: API version "v7" is unknown
}
