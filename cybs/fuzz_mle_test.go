package cybs

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

// mleSentinels are all that opening may answer with.
func mleSentinels() []error {
	return []error{
		ErrNotEncrypted, ErrJWEMalformed, ErrMLEAlgorithm, ErrMLEKeyUnknown, ErrMLEWrongKey, ErrMLETampered, ErrMLENested,
		ErrNotJSON, ErrTooDeep,
	}
}

// FuzzDecryptNotification feeds bodies to the opener: it answers with one of its sentinels, says what is clean, and changes
// nothing. What it opens was sealed for the key.
func FuzzDecryptNotification(f *testing.F) {
	var file mleVectors
	loadVectors(f, "mle.json", &file)
	for _, v := range file.Vectors {
		f.Add([]byte(v.JWE))
		f.Add([]byte(`{"encData":"` + v.JWE + `"}`))
	}
	addBodies(f)
	keys := MLEKeys{Keys: []MLEKey{vectorMLEKey(f, "egress")}, AllowOAEP: true}
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		opened, err := DecryptNotification(body, keys)
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
		matches := 0
		for _, sentinel := range mleSentinels() {
			if errors.Is(err, sentinel) {
				matches++
			}
		}
		if opened == nil || err != nil && matches != 1 || err == nil && (opened.Plain == nil || opened.Key == nil) {
			t.Fatalf("got %+v, %v, want one sentinel", opened, err)
		}
		h := opened.Header
		for _, text := range []string{h.Algorithm, h.Encryption, h.KeyID, h.ContentType} {
			if len(text) > 3*maxKeyID || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
				t.Fatalf("text %q is not clean", text)
			}
		}
		n, openErr := OpenNotification(http.Header{}, body, keys)
		if n == nil || !bytes.Equal(n.Body, body) || openErr == nil && n.Encryption == nil && n.Form == FormEncrypted {
			t.Fatalf("got %+v, %v", n, openErr)
		}
	})
}

// FuzzSealAndOpen seals any text in any wrapping, opens it, and finds every flipped bit.
func FuzzSealAndOpen(f *testing.F) {
	f.Add([]byte(referenceBody), byte(0), uint16(0))
	f.Add([]byte(""), byte(1), uint16(400))
	f.Add([]byte(`{"data":{}}`), byte(2), uint16(9))
	key := vectorMLEKey(f, "egress")
	f.Fuzz(func(t *testing.T, plain []byte, wrapping byte, flip uint16) {
		text, err := EncryptMLE(key.Certificate.leaf, "k", plain, vectorNow())
		if err != nil {
			t.Fatal(err)
		}
		wrap := func(text string) []byte {
			return []byte([]string{text, `{"encData":"` + text + `"}`, `{"payload":"` + text + `"}`}[wrapping%3])
		}
		opened, err := DecryptNotification(wrap(text), MLEKeys{Keys: []MLEKey{key}})
		if isToken(plain) {
			if !errors.Is(err, ErrMLENested) {
				t.Fatalf("got %v, want ErrMLENested", err)
			}
		} else if err != nil || !bytes.Equal(opened.Plain, plain) {
			t.Fatalf("got %q, %v, want %q", opened.Plain, err, plain)
		}
		changed := []byte(text)
		i := int(flip) % len(changed)
		changed[i] ^= 1
		if opened, err := DecryptNotification(wrap(string(changed)), MLEKeys{Keys: []MLEKey{key}}); err == nil {
			t.Fatalf("byte %d was changed and %q was opened", i, opened.Plain)
		}
	})
}

// FuzzTypedPayloads reads any body as everything that there is.
func FuzzTypedPayloads(f *testing.F) {
	for _, payload := range []string{updatedToken, oldToken, checkout, checkoutDetails, checkoutResult, decided, `"{\"data\":{}}"`, `[{"data":1}]`} {
		f.Add([]byte(`{"payload":` + payload + `}`))
	}
	addBodies(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		before := bytes.Clone(body)
		n, err := ParseNotification(http.Header{}, body)
		if err != nil {
			return
		}
		events, err := n.Data()
		if err == nil && len(events) == 0 {
			t.Fatal("no events and no error")
		}
		for _, event := range events {
			readAll(event)
			if len(event.Data) == 0 || event.Data[0] != '{' {
				t.Fatalf("got data %q, want an object", event.Data)
			}
		}
		if !bytes.Equal(before, body) {
			t.Fatal("the body was changed")
		}
	})
}

// FuzzExplain signs any body and has a change or none explained: what was not changed verifies, and whatever is said has a
// sentence and shows no key.
func FuzzExplain(f *testing.F) {
	for i := range 8 {
		f.Add([]byte(explainEnvelope), byte(i), "t=1767225600000;keyId=k;sig=")
	}
	secret := Secret("the secret of this test, 32 byte")
	known := []KnownKey{{Key: Key{ID: "k", Secret: secret}}, {Key: Key{ID: "other", Secret: Secret("another")}, Environment: Production}}
	f.Fuzz(func(t *testing.T, body []byte, how byte, header string) {
		in := ExplainInput{Body: body, Now: explainTime, Environment: Test, Keys: known, Signature: header}
		if got := Explain(in); got.Rung == RungVerifies || got.Rung.Sentence() == Rung("").Sentence() {
			t.Fatalf("header %q: got %s", header, got.Rung)
		}
		in.Signature = Sign(known[0].Key, explainTime, body)
		if got := Explain(in); got.Rung != RungVerifies || got.Skew != 0 {
			t.Fatalf("got %+v, want it verified", got)
		}
		var forms [][]byte
		for f := range changes()[int(how)%len(changes())].forms(body) {
			forms = append(forms, bytes.Clone(f.bytes))
		}
		if len(forms) > 0 {
			in.Body, in.Now = forms[int(how/8)%len(forms)], explainTime.Add(time.Second)
			if got := Explain(in); strings.Contains(got.Sentence(), string(secret)) || strings.Contains(got.Expected+got.Received, secret.Base64()) {
				t.Fatal("the key shows")
			}
		}
	})
}
