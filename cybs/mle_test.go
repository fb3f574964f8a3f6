package cybs

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

type mleVectors struct {
	Keys map[string]struct {
		CertificatePEM string `json:"certificatePem"`
		PrivateKeyPEM  string `json:"privateKeyPem"`
		KID            string `json:"kid"`
		KeysAsymPub    string `json:"keysAsymPub"`
	} `json:"keys"`
	Vectors []struct {
		ID              string          `json:"id"`
		Key             string          `json:"key"`
		JWE             string          `json:"jwe"`
		Plaintext       string          `json:"plaintext"`
		Expect          string          `json:"expect"`
		WireBody        json.RawMessage `json:"wireBody"`
		ProtectedHeader struct {
			Alg, Enc, Cty, Kid string
			Iat                int64
		} `json:"protectedHeader"`
	} `json:"vectors"`
}

func vectorMLEKey(tb testing.TB, name string) MLEKey {
	tb.Helper()
	var file mleVectors
	loadVectors(tb, "mle.json", &file)
	k := file.Keys[name]
	certificate, err := ParseCertificate([]byte(k.CertificatePEM), []byte(k.PrivateKeyPEM))
	if err != nil {
		tb.Fatalf("parse certificate %s: %v", name, err)
	}
	return MLEKey{Certificate: certificate}
}

// TestSharedVectorsOfEncryption runs mle.json as it is. RSA-OAEP needs its switch, and A128GCM is accepted in answers of
// the platform alone.
func TestSharedVectorsOfEncryption(t *testing.T) {
	t.Parallel()
	var file mleVectors
	loadVectors(t, "mle.json", &file)
	reasons := map[string]error{
		"tampered-encrypted-key": ErrMLEWrongKey, "tampered-iv": ErrMLETampered, "tampered-ciphertext": ErrMLETampered,
		"tampered-tag": ErrMLETampered, "tampered-header": ErrMLETampered, "wrong-recipient": ErrMLEKeyUnknown,
	}
	for _, v := range file.Vectors {
		t.Run(v.ID, func(t *testing.T) {
			t.Parallel()
			key := vectorMLEKey(t, v.Key)
			body := []byte(v.JWE)
			if v.WireBody != nil {
				body = v.WireBody
			}
			opened, err := DecryptNotification(body, MLEKeys{Keys: []MLEKey{key}, AllowOAEP: true})
			header := JWEHeader{v.ProtectedHeader.Alg, v.ProtectedHeader.Enc, v.ProtectedHeader.Kid, v.ProtectedHeader.Cty, time.Time{}}
			if v.ProtectedHeader.Iat > 0 {
				header.IssuedAt = time.Unix(v.ProtectedHeader.Iat, 0).UTC()
			}
			if diff := cmp.Diff(header, opened.Header); diff != "" {
				t.Errorf("header differs (-want +got):\n%s", diff)
			}
			switch {
			case v.Expect == "fail":
				if !errors.Is(err, reasons[v.ID]) || reasons[v.ID] == nil || opened.Plain != nil {
					t.Errorf("got %q, %v, want %v", opened.Plain, err, reasons[v.ID])
				}
				return
			case v.ProtectedHeader.Enc == "A128GCM":
				if !errors.Is(err, ErrMLEAlgorithm) {
					t.Errorf("as a notification: got %v, want ErrMLEAlgorithm", err)
				}
			case err != nil || string(opened.Plain) != v.Plaintext || opened.Plain == nil || !opened.KeyNamed:
				t.Errorf("got %q, %v, want %q", opened.Plain, err, v.Plaintext)
			}
			if plain, err := DecryptResponse(body, key); err != nil || string(plain) != v.Plaintext {
				t.Errorf("as an answer: got %q, %v", plain, err)
			}
			if _, err := DecryptNotification(body, MLEKeys{Keys: []MLEKey{key}}); (err == nil) != (v.ProtectedHeader.Alg == "RSA-OAEP-256" && v.ProtectedHeader.Enc == "A256GCM") {
				t.Errorf("without switches: got %v", err)
			}
		})
	}
	if got := base64.StdEncoding.EncodeToString(vectorMLEKey(t, "egress").Certificate.DER()); got != file.Keys["egress"].KeysAsymPub {
		t.Error("the certificate that is stored is not the vector's")
	}
}

// sealed encrypts for a key, as Cybersource would.
func sealed(tb testing.TB, key MLEKey, kid, plain string) string {
	tb.Helper()
	text, err := EncryptMLE(key.Certificate.leaf, kid, []byte(plain), vectorNow())
	if err != nil {
		tb.Fatal(err)
	}
	return text
}

func TestEveryWireFormIsOpened(t *testing.T) {
	t.Parallel()
	key := vectorMLEKey(t, "egress")
	key.ID = "937dfa75-acff-4f5b-9aab-66a49455ae04"
	keys := MLEKeys{Keys: []MLEKey{key}}
	whole := sealed(t, key, key.ID, referenceBody)
	const inner = `{"data":{"id":"1"},"organizationId":"child"}`
	payload := sealed(t, key, key.ID, inner)
	for _, tc := range []struct {
		name, body string
		want       Wrapping
		form       Form
		plain      string
	}{
		{"bare", whole, WrapBare, FormV3Object, referenceBody},
		{"bare with white space", " " + whole + "\n", WrapBare, FormV3Object, referenceBody},
		{"encData", `{"encData":"` + whole + `"}`, WrapEncData, FormV3Object, referenceBody},
		{"encryptedRequest", `{ "encryptedRequest" : "` + whole + `" }`, WrapEncryptedRequest, FormV3Object, referenceBody},
		{"encryptedPayload", `{"encryptedPayload":"` + whole + `"}`, WrapEncryptedPayload, FormV3Object, referenceBody},
		{"encryptedResponse", `{"encryptedResponse":"` + whole + `"}`, WrapEncryptedResponse, FormV3Object, referenceBody},
		{"payload", `{"eventType":"e","webhookId":"w","payload":"` + payload + `","requestType":"NEW"}`, WrapPayload, FormV3Object, inner},
		{"payload that is an array", `{"eventType":"e","payload":"` + sealed(t, key, "", "["+inner+"]") + `"}`, WrapPayload, FormV3Array, "[" + inner + "]"},
		{"encData around another version", `{"encData":"` + sealed(t, key, "", `{"eventType":"e","payloads":[`+inner+`]}`) + `"}`, WrapEncData, FormPayloads2023, `{"eventType":"e","payloads":[` + inner + `]}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			n, err := OpenNotification(http.Header{"V-C-Event-Type": {"tms.networktoken.provisioned"}}, []byte(tc.body), keys)
			if err != nil || n.Encryption == nil {
				t.Fatalf("got %+v, %v", n, err)
			}
			if n.Encryption.Wrapping != tc.want || n.Form != tc.form || string(n.Encryption.Plain) != tc.plain || string(n.Body) != tc.body {
				t.Errorf("got %s, %s, %s", n.Encryption.Wrapping, n.Form, n.Encryption.Plain)
			}
			if n.EventOrganizationID != "child" && n.EventOrganizationID != "child_org" || n.EventType == "" || n.Payload == nil {
				t.Errorf("got %+v", n)
			}
			events, err := n.Data()
			if err != nil || len(events) != 1 || !bytes.Contains(events[0].Data, []byte(`"id"`)) {
				t.Errorf("got data %v, %v", events, err)
			}
			// B' before decrypting, C after it.
			for signed, want := range map[string]Variant{tc.body: VariantBody, tc.plain: VariantDecrypted} {
				got, err := verifyReference(t, tc.body, signReference(t, signed), func(in *VerifyInput) { in.Decrypted = n.Encryption.Plain })
				if err != nil || got.Variant != want || !got.EnvelopeSigned && tc.want != WrapPayload && tc.form == FormV3Object {
					t.Errorf("got %+v, %v, want %s", got, err, want)
				}
			}
		})
	}
}

func TestFailuresOfOpeningHaveTheirReason(t *testing.T) {
	t.Parallel()
	key, other := vectorMLEKey(t, "egress"), vectorMLEKey(t, "requestMle")
	header := func(h string) string { return base64.RawURLEncoding.EncodeToString([]byte(h)) }
	good := strings.Split(sealed(t, key, "42417021640", "{}"), ".")
	with := func(i int, part string) string {
		parts := append([]string(nil), good...)
		parts[i] = part
		return strings.Join(parts, ".")
	}
	for _, tc := range []struct {
		name, body string
		keys       []MLEKey
		want       error
		kid        string
	}{
		{"no JWE", `{"payload":{}}`, []MLEKey{key}, ErrNotEncrypted, ""},
		{"not JSON", `{`, []MLEKey{key}, ErrNotJSON, ""},
		{"too deep", strings.Repeat("[", 300), []MLEKey{key}, ErrTooDeep, ""},
		{"header is no JSON", with(0, header(`{"alg"`)), []MLEKey{key}, ErrJWEMalformed, ""},
		{"iat is a date", with(0, header(`{"alg":"RSA-OAEP-256","enc":"A256GCM","iat":"today"}`)), []MLEKey{key}, ErrMLETampered, ""},
		{"header too long", with(0, "eyJ"+strings.Repeat("A", maxJWEHeader)), []MLEKey{key}, ErrJWEMalformed, ""},
		{"not canonical base64url", with(2, good[2][:15]+"_x"), []MLEKey{key}, ErrJWEMalformed, "42417021640"},
		{"short initialisation vector", with(2, "AAAA"), []MLEKey{key}, ErrJWEMalformed, "42417021640"},
		{"short tag", with(4, "AAAA"), []MLEKey{key}, ErrJWEMalformed, "42417021640"},
		{"another alg", with(0, header(`{"alg":"RSA1_5","enc":"A256GCM"}`)), []MLEKey{key}, ErrMLEAlgorithm, ""},
		{"alg none", with(0, header(`{"alg":"none","enc":"A256GCM"}`)), []MLEKey{key}, ErrMLEAlgorithm, ""},
		{"alg is an object", with(0, header(`{"alg":{},"enc":"A256GCM","kid":"k"}`)), []MLEKey{key}, ErrMLEAlgorithm, "k"},
		{"RSA-OAEP without the switch", with(0, header(`{"alg":"RSA-OAEP","enc":"A256GCM"}`)), []MLEKey{key}, ErrMLEAlgorithm, ""},
		{"another enc", with(0, header(`{"alg":"RSA-OAEP-256","enc":"A256CBC-HS512"}`)), []MLEKey{key}, ErrMLEAlgorithm, ""},
		{"compressed", with(0, header(`{"alg":"RSA-OAEP-256","enc":"A256GCM","zip":"DEF"}`)), []MLEKey{key}, ErrMLEAlgorithm, ""},
		{"critical members", with(0, header(`{"alg":"RSA-OAEP-256","enc":"A256GCM","crit":["x"]}`)), []MLEKey{key}, ErrMLEAlgorithm, ""},
		{"no key at all", sealed(t, key, "", "{}"), nil, ErrMLEKeyUnknown, ""},
		{"unknown key", sealed(t, other, "nobody", "{}"), []MLEKey{key}, ErrMLEKeyUnknown, "nobody"},
		{"a known id with another certificate", sealed(t, other, "42417021640", "{}"), []MLEKey{key}, ErrMLEWrongKey, "42417021640"},
		{"no id and no key that fits", sealed(t, other, "", "{}"), []MLEKey{key}, ErrMLEWrongKey, ""},
		{"a key without its certificate", sealed(t, key, "k", "{}"), []MLEKey{{ID: "k"}}, ErrMLEKeyUnknown, "k"},
		{"a token inside", sealed(t, key, "", sealed(t, key, "", "{}")), []MLEKey{key}, ErrMLENested, ""},
		{"a signed token inside", sealed(t, key, "", "eyJhbGciOiJub25lIn0.e30."), []MLEKey{key}, ErrMLENested, ""},
	} {
		opened, err := DecryptNotification([]byte(tc.body), MLEKeys{Keys: tc.keys})
		if !errors.Is(err, tc.want) || opened == nil || opened.Header.KeyID != tc.kid {
			t.Errorf("%s: got %+v, %v, want %v", tc.name, opened, err, tc.want)
		}
		if errors.Is(tc.want, ErrNotEncrypted) {
			continue
		}
		n, err := OpenNotification(http.Header{"V-C-Webhook-Id": {"w"}}, []byte(tc.body), MLEKeys{Keys: tc.keys})
		if !errors.Is(err, tc.want) || n.WebhookID != "w" || string(n.Body) != tc.body {
			t.Errorf("%s: got %+v, %v, want %v with what the headers say", tc.name, n, err, tc.want)
		}
	}
}

func TestKeysAreFoundByAnyOfTheirNumbers(t *testing.T) {
	t.Parallel()
	key, other := vectorMLEKey(t, "egress"), vectorMLEKey(t, "requestMle")
	key.ID = "Stored-ID"
	serial := key.Certificate.leaf.SerialNumber
	for kid, named := range map[string]bool{
		"stored-id": true, key.Certificate.KeyID(): true, serial.String(): true, serial.Text(16): true,
		strings.ToUpper(serial.Text(16)): true, "": false, "of nobody": false,
	} {
		opened, err := DecryptNotification([]byte(sealed(t, key, kid, "{}")), MLEKeys{Keys: []MLEKey{other, key}})
		if err != nil || opened.KeyNamed != named || opened.Key == nil || opened.Key.ID != "Stored-ID" {
			t.Errorf("%q: got %+v, %v, want it opened, named %v", kid, opened, err, named)
		}
	}
}

func TestNoMoreThanSixteenKeysAreTried(t *testing.T) {
	t.Parallel()
	key, other := vectorMLEKey(t, "egress"), vectorMLEKey(t, "requestMle")
	body := []byte(sealed(t, key, "", "{}"))
	var keys []MLEKey
	for range maxMLETries {
		keys = append(keys, other)
	}
	if _, err := DecryptNotification(body, MLEKeys{Keys: append(keys, key)}); !errors.Is(err, ErrMLEWrongKey) {
		t.Errorf("got %v, want the 17th key not tried", err)
	}
	if _, err := DecryptNotification(body, MLEKeys{Keys: append(keys[:maxMLETries-1:maxMLETries-1], key)}); err != nil {
		t.Errorf("got %v, want the 16th key tried", err)
	}
}

func TestPayloadThatDecryptsToNonsenseIsAnError(t *testing.T) {
	t.Parallel()
	key := vectorMLEKey(t, "egress")
	for _, plain := range []string{"", "hello", `{"a":`} {
		for _, body := range []string{sealed(t, key, "", plain), `{"eventType":"e","payload":"` + sealed(t, key, "", plain) + `"}`} {
			n, err := OpenNotification(http.Header{}, []byte(body), MLEKeys{Keys: []MLEKey{key}})
			if !errors.Is(err, ErrNotJSON) || n.Encryption == nil || string(n.Encryption.Plain) != plain {
				t.Errorf("%q: got %+v, %v, want ErrNotJSON", plain, n, err)
			}
		}
	}
}

func TestPlainNotificationIsOpenedAsItIs(t *testing.T) {
	t.Parallel()
	n, err := OpenNotification(http.Header{}, []byte(referenceBody), MLEKeys{})
	if err != nil || n.Encryption != nil || n.Form != FormV3Object {
		t.Errorf("got %+v, %v", n, err)
	}
}

// TestEncryptionIsReadByAnotherLibrary decrypts what we encrypt by go-jose.
func TestEncryptionIsReadByAnotherLibrary(t *testing.T) {
	t.Parallel()
	key := vectorMLEKey(t, "egress")
	object, err := jose.ParseEncryptedCompact(sealed(t, key, "k", "plain"), []jose.KeyAlgorithm{jose.RSA_OAEP_256}, []jose.ContentEncryption{jose.A256GCM})
	if err != nil {
		t.Fatal(err)
	}
	plain, err := object.Decrypt(key.Certificate.key)
	if err != nil || string(plain) != "plain" || object.Header.KeyID != "k" || object.Header.ExtraHeaders["cty"] != "JWT" {
		t.Errorf("got %q, %v, header %+v", plain, err, object.Header)
	}
}

func TestOpenedPrintsNoPrivateKey(t *testing.T) {
	t.Parallel()
	key := vectorMLEKey(t, "egress")
	opened, err := DecryptNotification([]byte(sealed(t, key, "", "{}")), MLEKeys{Keys: []MLEKey{key}})
	if err != nil {
		t.Fatal(err)
	}
	printed := fmt.Sprintf("%v %+v %#v %v %+v", *opened, opened.Key, *opened.Key, MLEKeys{Keys: []MLEKey{key}}, opened)
	if strings.Contains(printed, key.Certificate.key.D.String()) || strings.Contains(printed, key.Certificate.key.Primes[0].String()) {
		t.Error("the private key was printed")
	}
}
