package mask_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/switchboardhq/switchboard/store/mask"
)

// The test numbers of Cybersource's and the schemes' own documents.
const (
	visa       = "4111111111111111"
	visa13     = "4222222222222"
	mastercard = "5555555555554444"
	mcTwo      = "2223003122003222"
	amex       = "378282246310005"
	discover   = "6011111111111117"
	jcb        = "3530111333300000"
	diners     = "36070500001020"
	unionpay19 = "6205500000000000004"
)

func TestJSONHidesCardData(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"visa":                         {`{"a":"` + visa + `"}`, `{"a":"411111******1111"}`},
		"visa of 13 digits":            {`{"a":"` + visa13 + `"}`, `{"a":"422222***2222"}`},
		"mastercard":                   {`["` + mastercard + `"]`, `["555555******4444"]`},
		"mastercard of the 2 range":    {`["` + mcTwo + `"]`, `["222300******3222"]`},
		"american express":             {`["` + amex + `"]`, `["378282*****0005"]`},
		"discover":                     {`["` + discover + `"]`, `["601111******1117"]`},
		"jcb":                          {`["` + jcb + `"]`, `["353011******0000"]`},
		"diners":                       {`["` + diners + `"]`, `["360705****1020"]`},
		"unionpay of 19 digits":        {`["` + unionpay19 + `"]`, `["620550*********0004"]`},
		"number":                       {`{"a":4111111111111111}`, `{"a":"411111******1111"}`},
		"number with fraction":         {`{"a":4111111111111111.0}`, `{"a":"411111******1111"}`},
		"number with exponent":         {`{"a":4.111111111111111e15}`, `{"a":"411111******1111"}`},
		"negative number":              {`{"a":-4111111111111111}`, `{"a":"411111******1111"}`},
		"spaces":                       {`{"a":"4111 1111 1111 1111"}`, `{"a":"411111******1111"}`},
		"dashes":                       {`{"a":"4111-1111-1111-1111"}`, `{"a":"411111******1111"}`},
		"amex groups":                  {`{"a":"3782 822463 10005"}`, `{"a":"378282*****0005"}`},
		"other groups":                 {`{"a":"41 11 11 11 11 11 11 11"}`, `{"a":"411111******1111"}`},
		"digit by digit":               {`{"a":"4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"}`, `{"a":"411111******1111"}`},
		"followed by its expiry":       {`{"a":"4111 1111 1111 1111 12 2031"}`, `{"a":"411111******1111 12 2031"}`},
		"in a sentence":                {`{"a":"paid with ` + visa + `, thanks"}`, `{"a":"paid with 411111******1111, thanks"}`},
		"two in a sentence":            {`{"a":"` + visa + ` and ` + amex + `"}`, `{"a":"411111******1111 and 378282*****0005"}`},
		"glued to a word":              {`{"a":"card` + visa + `x"}`, `{"a":"card411111******1111x"}`},
		"unknown member":               {`{"xyzzy":{"deep":[["` + visa + `"]]}}`, `{"xyzzy":{"deep":[["411111******1111"]]}}`},
		"as a member's name":           {`{"` + visa + `":1}`, `{"411111******1111":1}`},
		"at the top":                   {`"` + visa + `"`, `"411111******1111"`},
		"escaped digits":               {`{"a":"4111\u0031111\u00311111111"}`, `{"a":"411111******1111"}`},
		"escapes around it":            {`{"a":"\"` + visa + `\"\n"}`, `{"a":"\"411111******1111\"\n"}`},
		"JSON in a string":             {`{"payload":"{\"pan\":\"` + visa + `\",\"cvv\":\"123\"}"}`, `{"payload":"{\"pan\":\"411111******1111\",\"cvv\":\"***\"}"}`},
		"JSON in JSON in a string":     {`{"p":"{\"q\":\"{\\\"cvv\\\":123}\"}"}`, `{"p":"{\"q\":\"{\\\"cvv\\\":\\\"***\\\"}\"}"}`},
		"security code":                {`{"securityCode":"123"}`, `{"securityCode":"***"}`},
		"security code as a number":    {`{"card":{"cvv":123}}`, `{"card":{"cvv":"***"}}`},
		"security codes by other name": {`{"cvc2":"1","CVN":"2","card_cvNumber":"3","cardVerificationValue":"4","security_code":"5"}`, `{"cvc2":"***","CVN":"***","card_cvNumber":"***","cardVerificationValue":"***","security_code":"***"}`},
		"cid of three digits":          {`{"cid":"1234"}`, `{"cid":"***"}`},
		"cid of a customer":            {`{"cid":"customer-7"}`, `{"cid":"customer-7"}`},
		"codes in a list":              {`{"cvv":["123",456]}`, `{"cvv":["***","***"]}`},
		"wrong check digit in a card":  {`{"cardNumber":"4111111111111112"}`, `{"cardNumber":"411111******1112"}`},
		"number of a card":             {`{"card":{"number":"1234567890123456"}}`, `{"card":{"number":"123456******3456"}}`},
		"number of a tokenized card":   {`{"tokenizedCard":{"number":4895379987654321000}}`, `{"tokenizedCard":{"number":"489537*********1000"}}`},
		"groups in an id":              {`{"id":"4111 1111 1111 1111"}`, `{"id":"411111******1111"}`},
		"track 2":                      {`{"a":";` + visa + `=31121010000012345678?"}`, `{"a":";***?"}`},
		"track 2 of a chip":            {`{"a":"` + visa + `D31121010000012345678"}`, `{"a":"***"}`},
		"track 1":                      {`{"a":"%B` + visa + `^DOE/JANE^31121010000000000?"}`, `{"a":"%B***?"}`},
		"track data by name":           {`{"pointOfSaleInformation":{"trackData":"anything"}}`, `{"pointOfSaleInformation":{"trackData":"***"}}`},
		"white space is kept":          {" {\n\t\"a\" : \"" + visa + "\" ,\"b\":[ ] }\n", " {\n\t\"a\" : \"411111******1111\" ,\"b\":[ ] }\n"},
	} {
		got := mask.JSON([]byte(c.in))
		if diff := cmp.Diff(c.want, string(got.Text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if !json.Valid(got.Text) {
			t.Errorf("%s is no JSON any more: %s", name, got.Text)
		}
	}
}

func TestJSONLeavesOtherNumbersReadable(t *testing.T) {
	t.Parallel()
	for name, in := range map[string]string{
		"request id of 22 digits":     `{"id":"7435188899356405003091"}`,
		"the same elsewhere":          `{"x":"7435188899356405003091"}`,
		"instrument identifier":       `{"instrumentIdentifiers":[{"href":"/tms/v1/instrumentidentifiers/7030010000056432345","id":"7030010000056432345"}]}`,
		"hexadecimal token":           `{"x":"38F377C4044F251A0000AF598E0A8B67"}`,
		"hash with a card in it":      `{"x":"ab` + visa + `cdef0123456789"}`,
		"uuid of digits":              `{"x":"41111111-1111-1111-1111-111111111111"}`,
		"uuid and attempt":            `{"x":"66666666-7777-8888-9999-000000000000-0"}`,
		"wrong check digit":           `{"x":"4111111111111112"}`,
		"no issuer":                   `{"x":"9111111111111111"}`,
		"milliseconds":                `{"x":1767225600000,"y":"1767225600000"}`,
		"microseconds and nanos":      `{"x":1767225600000001,"y":1767225600000000009}`,
		"time":                        `{"eventDate":"2026-01-01T09:58:09.123456789-07:00","x":"2026-01-01 09:58:09"}`,
		"telephone":                   `{"merchantPhone":"321-321-3211","x":"+1 (555) 123-4567"}`,
		"too short":                   `{"x":"411111111111"}`,
		"too long":                    `{"x":"41111111111111111111"}`,
		"masked before":               `{"number":"411111XXXXXX1111","cardNumber":"411111******1111"}`,
		"bin and last four":           `{"bin":"411111","card":{"suffix":"1111","type":"001"}}`,
		"amount":                      `{"totalAmount":"4111111111.11","x":41111111111111.11}`,
		"number beyond 64 bits":       `{"x":123456789012345678901234567890}`,
		"tiny and huge":               `{"x":4111e-15,"y":1e400,"z":4e15}`,
		"empty code, null code":       `{"cvv":"","cvc":null,"securityCode":false}`,
		"result of the code's check":  `{"cardVerification":{"resultCode":"M"}}`,
		"number of an invoice":        `{"invoice":{"number":"INV-1"}}`,
		"html, slashes and non-ascii": `{"x":"<b>&amp;\/ é \u00e9 😀"}`,
		"repeated and empty names":    `{"":1,"a":1,"a":2}`,
		"literals":                    `[true,false,null,"",{},[]]`,
		"network transaction id":      `{"processorInformation":{"networkTransactionId":"016153570198200"}}`,
	} {
		got := mask.JSON([]byte(in))
		if string(got.Text) != in || got.Found != 0 || got.Spans != nil {
			t.Errorf("%s: %s became %s", name, in, got.Text)
		}
	}
}

func TestTextHidesCardDataInOtherForms(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"form":                     {"card_number=" + visa + "&cvv=123&amount=10.00", "card_number=411111******1111&cvv=***&amount=10.00"},
		"form with plus":           {"n=4111+1111+1111+1111&x=1", "n=411111******1111&x=1"},
		"form with %20":            {"n=4111%201111%201111%201111", "n=411111******1111"},
		"form with brackets":       {"card[cvv]=999&card[number]=" + amex, "card[cvv]=***&card[number]=378282*****0005"},
		"form in JSON's clothes":   {"%7B%22cvv%22%3A%22123%22%7D", "%7B%22cvv%22%3A%22***%22%7D"},
		"xml":                      {"<c><cvNumber>123</cvNumber><accountNumber>" + visa + "</accountNumber></c>", "<c><cvNumber>***</cvNumber><accountNumber>411111******1111</accountNumber></c>"},
		"broken JSON":              {`{"number":"` + visa + `","cvv":"123","x`, `{"number":"411111******1111","cvv":"***","x`},
		"broken JSON, number":      {`{"cvv": 123, "n": 4111111111111111`, `{"cvv": ***, "n": 411111******1111`},
		"escaped broken JSON":      {`{"p":"{\"securityCode\":\"123\"}`, `{"p":"{\"securityCode\":\"***\"}`},
		"trailing comma":           {`{"cvv":"12",}`, `{"cvv":"***",}`},
		"prose":                    {"card " + visa + " cvv: 123 ok", "card 411111******1111 cvv: *** ok"},
		"prose with groups":        {"card 4111 1111 1111 1111, exp 12/31", "card 411111******1111, exp 12/31"},
		"after an id":              {"requestId: 12 card " + visa, "requestId: 12 card 411111******1111"},
		"named, wrong check digit": {"cardNumber=4111111111111112", "cardNumber=411111******1112"},
		"named in groups":          {"pan: 4111 1111 1111 1112\n", "pan: 411111******1112\n"},
		"track 2":                  {";" + visa + "=31121010000012345?", ";***?"},
		"header lines":             {"cvc2: 1234\r\nrequest-id: " + visa + "\r\n", "cvc2: ***\r\nrequest-id: 411111******1111\r\n"},
		"in an id":                 {"requestId=" + visa + "&x=1", "requestId=411111******1111&x=1"},
		"invalid UTF-8":            {"\xff\xfe" + visa + "\xff", "\xff\xfe411111******1111\xff"},
		"nothing":                  {"hello", "hello"},
		"empty":                    {"", ""},
	} {
		if diff := cmp.Diff(c.want, string(mask.Text([]byte(c.in)).Text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if got := mask.JSON([]byte(c.in)); !json.Valid([]byte(c.in)) && string(got.Text) != c.want {
			t.Errorf("%s through JSON: %s", name, got.Text)
		}
	}
}

func TestSpansPointAtWhatWasHidden(t *testing.T) {
	t.Parallel()
	got := mask.JSON([]byte(`{"a":"x ` + visa + `","cvv":123,"b":4111111111111111,"c":"\u0041` + visa + `","trackData":"t"}`))
	var pieces []string
	var kinds []mask.Kind
	for _, s := range got.Spans {
		pieces = append(pieces, string(got.Text[s.Start:s.End]))
		kinds = append(kinds, s.Kind)
	}
	want := []string{"411111******1111", "***", "411111******1111", "A411111******1111", "***"}
	if diff := cmp.Diff(want, pieces); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]mask.Kind{mask.CardNumber, mask.SecurityCode, mask.CardNumber, mask.CardNumber, mask.Track}, kinds); diff != "" {
		t.Errorf("kinds (-want +got):\n%s", diff)
	}
	if got.Found != len(want) {
		t.Errorf("Found = %d, want %d", got.Found, len(want))
	}
}

func TestDeepJSONIsMasked(t *testing.T) {
	t.Parallel()
	const depth = 9000
	in := strings.Repeat(`{"a":[`, depth/2) + `"` + visa + `"` + strings.Repeat(`]}`, depth/2)
	if got := mask.JSON([]byte(in)); got.Found != 1 || bytes.Contains(got.Text, []byte(visa)) {
		t.Errorf("found %d in JSON of depth %d, want 1", got.Found, depth)
	}
	// Beyond what encoding/json calls valid, as text.
	in = strings.Repeat("[", 200_000) + visa
	if got := mask.JSON([]byte(in)); got.Found != 1 {
		t.Errorf("found %d in a text that only opens brackets, want 1", got.Found)
	}
}

// Bad cases for anything that looks back or ahead without a bound: eight times the text must not take much more than eight times as long. A
// busy machine can make any one measurement look bad, so a case fails only when it never looks good.
func TestTimeIsLinear(t *testing.T) {
	t.Parallel()
	const small, times, tries = 64 << 10, 8, 5
	for name, piece := range map[string]string{
		"digits": "4", "digits and spaces": "4 ", "groups": "4111 ", "cards": visa + ",", "letters": "a", "names": "cvv=", "names and quotes": `cvv"`,
		"names and spaces": "id      ", "tracks": visa + "^", "uuids": "41111111-1111-1111-1111-", "percent": "%20", "percent of percent": "%25", "brackets": "[", "quotes": `"`,
		"escapes": `\`, "id values": "id:", "words": "security code ", "entities": "&#52;", "full width": "４", "zeros": "\x004", "signs": "cvv:::",
	} {
		took := func(size int) time.Duration {
			text := bytes.Repeat([]byte(piece), size/len(piece))
			quoted, err := json.Marshal(string(text))
			if err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			mask.Text(text)
			mask.JSON(quoted)
			return time.Since(start)
		}
		best := math.Inf(1)
		for range tries {
			if best = min(best, float64(took(small*times))/float64(took(small))); best < 3*times {
				break
			}
		}
		if best >= 3*times {
			t.Errorf("%d times the text of %s takes %.0f times as long", times, name, best)
		}
	}
}

func FuzzJSON(f *testing.F) {
	for _, seed := range []string{`{"cvv":1,"a":["` + visa + `"]}`, `{"a":"\u0034111"`, "card=" + visa, `"{\"pan\":\"4111 1111 1111 1112\"}"`, `{"a":1e5,"b":-0.5E+3}`, ";" + visa + "=3112101?"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		before := bytes.Clone(in)
		got := mask.JSON(in)
		if !bytes.Equal(before, in) {
			t.Fatal("the input was changed")
		}
		if json.Valid(in) && !json.Valid(got.Text) {
			t.Fatalf("%q became %q, which is no JSON", in, got.Text)
		}
		if got.Found != len(got.Spans) || got.Found == 0 && !bytes.Equal(in, got.Text) {
			t.Fatalf("%q: found %d, %d spans, %q", in, got.Found, len(got.Spans), got.Text)
		}
		end := 0
		for _, s := range got.Spans {
			if s.Start < end || s.End < s.Start || s.End > len(got.Text) {
				t.Fatalf("spans %v of %q are out of order", got.Spans, got.Text)
			}
			end = s.End
		}
	})
}
