package mask_test

import (
	"strings"
	"testing"

	"github.com/switchboardhq/switchboard/store/mask"
)

// ordinary is what most deliveries look like: ids, times, amounts, links, and nothing to hide.
const ordinary = `{"retryNumber":0,"eventType":"tms.networktoken.updated","webhookId":"aaaaaaaa-0000-4000-8000-000000000001","productId":"tokenManagement","organizationId":"sandbox_org",` +
	`"requestType":"NEW","transactionTraceId":"0d4f1e2a-5b6c-4d7e-8f90-123456789abc","eventDate":"2026-03-04T05:06:07","payload":[{"data":{"_links":{"self":[{"href":` +
	`"/tms/v1/customers/7000000000000012345678/payment-instruments/7000000000000022345678"}],"instrumentIdentifiers":[{"href":"/tms/v1/instrumentidentifiers/7010000000123456789012"}]},` +
	`"id":"7123456789012345678901","status":"AUTHORIZED","submitTimeUtc":"2026-03-04T05:06:07Z","reconciliationId":"7412589630123456",` +
	`"clientReferenceInformation":{"code":"order-2026-000123"},"orderInformation":{"amountDetails":{"totalAmount":"1234.50","currency":"USD"}},` +
	`"processorInformation":{"approvalCode":"831000","responseCode":"00","avs":{"code":"Y"},"cardVerification":{"resultCode":"M"}},"paymentInformation":{"card":{"type":"001","expirationMonth":"12","expirationYear":"2031"}}},` +
	`"organizationId":"child_org"}]}`

func BenchmarkJSON(b *testing.B) {
	for name, body := range map[string]string{
		"ordinary": ordinary, "with a card number": strings.Replace(ordinary, `"type":"001"`, `"number":"4111111111111111"`, 1),
	} {
		b.Run(name, func(b *testing.B) {
			raw := []byte(body)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				mask.JSON(raw)
			}
		})
	}
}

func BenchmarkText(b *testing.B) {
	for name, text := range map[string]string{"user agent": "Vert.x-WebClient/4.4.6", "trace id": "0d4f1e2a-5b6c-4d7e-8f90-123456789abc", "content type": "application/json; charset=utf-8"} {
		b.Run(name, func(b *testing.B) {
			raw := []byte(text)
			b.ReportAllocs()
			for b.Loop() {
				mask.Text(raw)
			}
		})
	}
}
