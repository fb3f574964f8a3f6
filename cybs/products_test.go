package cybs

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestProductsAreReadInEveryShape(t *testing.T) {
	t.Parallel()
	const array = `[
	 {"productId":"tokenManagement","productName":"Token Management","eventTypes":[
	  {"eventName":"tms.networktoken.updated","displayName":"Updated","frequency":"5","timeSensitivity":"true","payloadEncryption":false}]},
	 {"productId":"unifiedCheckout","eventTypes":[{"eventName":"uc.orders.transactionresults","payloadEncryption":true},"plain.name"]},
	 {"productId":"tax","eventTypes":[]},
	 {"productId":"reporting","eventTypes":null}]`
	want := []Product{
		{ID: "tokenManagement", Name: "Token Management", EventTypes: []EventType{
			{Name: "tms.networktoken.updated", DisplayName: "Updated", Frequency: 5, TimeSensitivity: true},
		}},
		{ID: "unifiedCheckout", EventTypes: []EventType{
			{Name: "uc.orders.transactionresults", Frequency: -1, PayloadEncryption: true}, {Name: "plain.name", Frequency: -1},
		}},
		{ID: "tax"},
		{ID: "reporting"},
	}
	for _, tc := range []struct {
		body string
		want []Product
	}{
		{array, want},
		{`{"products":` + array + `,"other":1}`, want},
		{``, nil},
		{`[]`, nil},
		{`{"products":null}`, nil},
	} {
		c, _ := newTestClient(t, answer(http.StatusOK, tc.body))
		got, err := c.ListProducts(t.Context(), "my_org")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("differs (-want +got):\n%s", diff)
		}
	}
}
