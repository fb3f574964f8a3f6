package mask

import (
	"bytes"
	"encoding/json"
	"testing"
)

// ordinary is what most deliveries look like: ids, times, amounts, links, and no security code.
const ordinaryBody = `{"retryNumber":0,"eventType":"tms.networktoken.updated","webhookId":"aaaaaaaa-0000-4000-8000-000000000001","productId":"tokenManagement","organizationId":"sandbox_org",` +
	`"requestType":"NEW","transactionTraceId":"0d4f1e2a-5b6c-4d7e-8f90-123456789abc","eventDate":"2026-03-04T05:06:07","payload":[{"data":{"_links":{"self":[{"href":` +
	`"/tms/v1/customers/7000000000000012345678/payment-instruments/7000000000000022345678"}],"instrumentIdentifiers":[{"href":"/tms/v1/instrumentidentifiers/7010000000123456789012"}]},` +
	`"id":"7123456789012345678901","status":"AUTHORIZED","submitTimeUtc":"2026-03-04T05:06:07Z","reconciliationId":"7412589630123456",` +
	`"clientReferenceInformation":{"code":"order-2026-000123"},"orderInformation":{"amountDetails":{"totalAmount":"1234.50","currency":"USD"}},` +
	`"processorInformation":{"approvalCode":"831000","responseCode":"00","avs":{"code":"Y"}},"paymentInformation":{"card":{"number":"4111111111111111","type":"001","expirationMonth":"12","expirationYear":"2031"}}},` +
	`"organizationId":"child_org"}]}`

// coded bodies hold a security code or stripe data, in the ways in which they are written.
func coded() []string {
	return []string{
		`{"cvv":"987"}`, `{"CVV2":987}`, `{"c_v_v":"987"}`, `{"card-cvn":"987"}`, `{"cvc":{"value":"987"}}`, `{"securityCode":["987"]}`, `{"cardCode":"987"}`, `{"ccCode":"987"}`,
		`{"verificationCode":"987"}`, `{"cardVerificationNumber":"987"}`, `{"pin":"9876"}`, `{"pinBlock":"0412AC89ABCDEF67"}`, `{"cid":"9876"}`, `{"csc":"987"}`, `{"cvNumber":"987"}`, `{"cv2":"987"}`,
		`{"\u0063vv":"987"}`, `{"note":"CVV: 987"}`, `{"note":"card=4111111111111111&cvv=987"}`, `{"note":"{\"cvv\":\"987\"}"}`, `card=4111111111111111&cvv=987`, `<cvv>987</cvv>`, `{"cvv":"987"`,
		`{"track2":"4111111111111111=25121010000098700"}`, `{"x":";4111111111111111=25121010000098700?"}`, `{"x":"4111111111111111D25121010000098700"}`,
		`{"x":"%B4111111111111111^DOE/JANE^25121010000098700?"}`, `{"cardSecurityCode":"987"}`, `{"signaturePanelCode":"987"}`, `{"magStripe":"x987"}`, `{"swipe":"987x"}`, `{"cardValidationCode":"987"}`,
		"{\x00\"\x00c\x00v\x00v\x00\"\x00:\x00\"\x009\x008\x007\x00\"\x00}\x00",
	}
}

func TestCodesRemovesCodesAndKeepsCardNumbers(t *testing.T) {
	t.Parallel()
	for _, in := range coded() {
		got := Codes([]byte(in))
		if got.Found == 0 || bytes.Contains(got.Text, []byte("987")) {
			t.Errorf("%s became %s with %d found", in, got.Text, got.Found)
		}
		if json.Valid([]byte(in)) && !json.Valid(got.Text) {
			t.Errorf("%s became %s, which is no JSON", in, got.Text)
		}
		if again := Codes(got.Text); !bytes.Equal(again.Text, got.Text) {
			t.Errorf("%s became %s, and then %s", in, got.Text, again.Text)
		}
	}
	for _, in := range []string{ordinaryBody, `{"number":"4111111111111111","cvvResult":"M"}`, `4111111111111111`, `{"number":4111111111111111}`} {
		if got := Codes([]byte(in)); got.Found != 0 || string(got.Text) != in {
			t.Errorf("%s became %s", in, got.Text)
		}
	}
	if mayHoldCode([]byte(ordinaryBody)) {
		t.Error("an ordinary body is looked at twice")
	}
}

// FuzzCodes shows that the quick look misses nothing which the thorough one finds.
func FuzzCodes(f *testing.F) {
	for _, in := range coded() {
		f.Add([]byte(in))
	}
	f.Add([]byte(ordinaryBody))
	f.Fuzz(func(t *testing.T, in []byte) {
		got := maskBody(in, true)
		if got.Found > 0 && !mayHoldCode(in) {
			t.Errorf("%q holds %d codes, and the quick look says none", in, got.Found)
		}
		if json.Valid(in) && !json.Valid(got.Text) {
			t.Errorf("%q became %q, which is no JSON", in, got.Text)
		}
	})
}

func BenchmarkCodes(b *testing.B) {
	for name, body := range map[string]string{"ordinary": ordinaryBody, "with a code": ordinaryBody[:len(ordinaryBody)-1] + `,"cvv":"987"}`} {
		b.Run(name, func(b *testing.B) {
			raw := []byte(body)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				Codes(raw)
			}
		})
	}
}
