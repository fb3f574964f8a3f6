package cybs

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestRefusalIsReturnedWhereThereIsNoTimeToWait(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "20")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	t.Cleanup(server.Close)
	client, err := New(Config{BaseURL: server.URL, Credentials: Credentials{OrganizationID: "o", MerchantID: "m", KeyID: "k", Secret: mustSecret(t, "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U=")}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var api *APIError
	if _, err := client.ListProducts(ctx, "o"); !errors.As(err, &api) || api.StatusCode != http.StatusTooManyRequests || ctx.Err() != nil {
		t.Errorf("got %v, want the refusal at once", err)
	}
}
