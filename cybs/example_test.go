package cybs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

// A receiver checks a delivery before it believes anything in it.
func ExampleVerify() {
	secret, err := cybs.ParseSecret("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
	if err != nil {
		panic(err)
	}
	keys := map[string]cybs.Key{"key-1": {ID: "key-1", Secret: secret}}
	now := time.UnixMilli(1767225602500)

	// What arrived: the header, and the body before anything was done to it.
	body := []byte(`{"eventType":"tms.networktoken.updated","webhookId":"w1","payload":{"data":{"id":"1"},"organizationId":"child"}}`)
	signature := cybs.Sign(keys["key-1"], now.Add(-2500*time.Millisecond), []byte(`{"data":{"id":"1"},"organizationId":"child"}`))

	in := cybs.VerifyInput{
		Signature: signature,
		Body:      body,
		LookupKey: func(id string) (cybs.Key, bool) { k, ok := keys[id]; return k, ok },
		Now:       now,
	}
	v, err := cybs.Verify(in)
	fmt.Println(v.Variant, v.Skew, "envelope signed:", v.EnvelopeSigned, err)

	in.Now = now.Add(time.Hour)
	_, err = cybs.Verify(in)
	fmt.Println(errors.Is(err, cybs.ErrTimestampTooOld))

	// Output:
	// payload-raw 2.5s envelope signed: false <nil>
	// true
}

func ExampleParseNotification() {
	h := http.Header{}
	h.Set("v-c-retry-count", "1")
	n, err := cybs.ParseNotification(h, []byte(`{"eventType":"tms.networktoken.updated","retryNumber":0,"payload": {"data":{},"organizationId":"child"}}`))
	fmt.Println(n.Form, n.EventType, n.EventOrganizationID, n.Conflicts, err)
	fmt.Println(string(n.Payload))
	// Output:
	// v3-object tms.networktoken.updated child [retryNumber] <nil>
	// {"data":{},"organizationId":"child"}
}

func ExampleRetryPolicy_Schedule() {
	p := cybs.RetryPolicy{Algorithm: cybs.Arithmetic, FirstRetry: 10, Interval: 30, NumberOfRetries: 3}
	fmt.Println(p.Schedule(), p.Cover())
	// Output: [10m0s 40m0s 1h10m0s] 1h10m0s
}

func ExampleClient_CreateSubscription() {
	// Stands for https://apitest.cybersource.com, which is cybs.Test.BaseURL().
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"webhookId":"w1","status":"INACTIVE","products":[{"productId":"tokenManagement","eventTypes":["tms.networktoken.updated"]}]}`)
	}))
	defer srv.Close()

	client, err := cybs.New(cybs.Config{
		BaseURL:    srv.URL,
		HTTPClient: srv.Client(),
		Credentials: cybs.Credentials{
			MerchantID: "my_org", KeyID: "08c94330-f618-42a3-b09d-e1e43be5efda", Secret: cybs.Secret("32 bytes that nobody else knows."),
		},
	})
	if err != nil {
		panic(err)
	}
	subscription, err := client.CreateSubscription(context.Background(), cybs.SubscriptionInput{
		Name: "Token events", OrganizationID: "my_org",
		Products:       []cybs.SubscribedProduct{{ProductID: "tokenManagement", EventTypes: []string{"tms.networktoken.updated"}}},
		WebhookURL:     "https://hooks.example.com/cybs",
		HealthCheckURL: "https://hooks.example.com/cybs",
	})
	if errors.Is(err, cybs.ErrAlreadyExists) {
		fmt.Println("the organization has one for that product")
		return
	}
	if err != nil {
		panic(err)
	}
	fmt.Println(subscription.WebhookID, subscription.Status)
	// Output: w1 INACTIVE
}
