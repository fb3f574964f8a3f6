package cybs

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// explained is a delivery of one endpoint with several keys around it.
type explained struct {
	signedKey Secret
	signed    []byte // what was signed
	body      []byte // what arrived
	signature string // in place of a signature over signed
	change    func(*ExplainInput)
}

const (
	explainEnvelope = `{"webhookId":"w","payload":{"data":{"name":"Zoë <a/b>","n":1.50},"organizationId":"o"},"requestType":"NEW"}`
	explainPayload  = `{"data":{"name":"Zoë <a/b>","n":1.50},"organizationId":"o"}`
)

var explainTime = time.UnixMilli(referenceTime)

// explainKeys are: the endpoint's two, one of another organization, one of production.
func explainKeys() []KnownKey {
	secret := func(c string) Secret { return Secret(strings.Repeat(c, 32)) }
	return []KnownKey{
		{Key: Key{ID: "now", Secret: secret("n")}, OrganizationID: "org", Environment: Test},
		{Key: Key{ID: "former", Secret: secret("f")}, OrganizationID: "org", Environment: Test, ReplacedAt: explainTime.Add(-time.Hour)},
		{Key: Key{ID: "expired", Secret: secret("e"), ExpiresAt: explainTime.Add(-time.Hour)}, OrganizationID: "org", Environment: Test},
		{Key: Key{ID: "retired", Secret: secret("r"), RetiredAt: explainTime}, OrganizationID: "org", Environment: Test},
		{Key: Key{ID: "empty"}, OrganizationID: "org", Environment: Test},
		{Key: Key{ID: "neighbour", Secret: secret("b")}, OrganizationID: "other", Environment: Test},
		{Key: Key{ID: "live", Secret: secret("l")}, OrganizationID: "org", Environment: Production},
	}
}

func (e explained) explain(keyID string) Explanation {
	in := ExplainInput{
		Signature: e.signature, Body: e.body, Now: explainTime, OrganizationID: "org", Environment: Test, Keys: explainKeys(),
	}
	if in.Signature == "" {
		if e.signedKey == nil {
			known, _ := find(explainKeys(), keyID)
			e.signedKey = known.Secret
		}
		in.Signature = Sign(Key{ID: keyID, Secret: e.signedKey}, explainTime, e.signed)
	}
	if e.change != nil {
		e.change(&in)
	}
	return Explain(in)
}

func gzipped(t *testing.T, b string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := gzip.NewWriter(&buf)
	if _, err := w.Write([]byte(b)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func deflated(t *testing.T, b string) []byte {
	t.Helper()
	var buf bytes.Buffer
	w := zlib.NewWriter(&buf)
	if _, err := w.Write([]byte(b)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func utf16Of(text string, big bool) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(text)) {
		if big {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return b
}

// bareSignature signs without the time.
func bareSignature(keyID string, secret Secret, signed string) string {
	return "t=1767225600000;keyId=" + keyID + ";sig=" + base64.StdEncoding.EncodeToString(newBareMAC(secret).of([]byte(signed)))
}

func TestEachRungIsReached(t *testing.T) {
	t.Parallel()
	body, payload := []byte(explainEnvelope), []byte(explainPayload)
	secretOf := func(id string) Secret { k, _ := find(explainKeys(), id); return k.Secret }
	later := func(d time.Duration) func(*ExplainInput) {
		return func(in *ExplainInput) { in.Now = explainTime.Add(d) }
	}
	indented := func(prefix string) []byte {
		var b bytes.Buffer
		if err := json.Indent(&b, body, "", prefix); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	stranger := Secret("a key that nobody here has")
	for _, tc := range []struct {
		name, keyID string
		e           explained
		want        Rung
		detail      string // part of it
		variant     Variant
	}{
		{"no header", "", explained{body: body, signature: " "}, RungSignatureAbsent, "", ""},
		{"no sig", "", explained{body: body, signature: "t=1;keyId=k"}, RungSignatureUnread, "sig is missing", ""},
		{"sig is hex", "", explained{body: body, signature: "t=1;keyId=k;sig=" + strings.Repeat("0f", 32)}, RungSignatureUnread, "sig has 48 bytes", ""},
		{"t is a word", "", explained{body: body, signature: "t=now;keyId=k;sig=AAAA"}, RungSignatureUnread, "t is not a number", ""},
		{"unknown key", "nobody", explained{signedKey: stranger, signed: body, body: body}, RungKeyUnknown, "", ""},
		{"unknown id of a known key", "nobody", explained{signedKey: secretOf("now"), signed: body, body: body}, RungKeyUnknown, "key now", VariantBody},
		{"key of another organization", "neighbour", explained{signed: payload, body: body}, RungKeyOfAnotherOrg, "belongs to other. It is genuine", VariantPayloadRaw},
		{"key of production", "live", explained{signed: body, body: body}, RungKeyOfAnotherEnv, "production", VariantBody},
		{"key of production, forged", "live", explained{signedKey: stranger, signed: body, body: body}, RungKeyOfAnotherEnv, "production.", ""},
		{"key without a secret", "empty", explained{signed: body, body: body}, RungKeyEmpty, "", ""},
		{"expired key", "expired", explained{signed: body, body: body}, RungKeyExpired, "2025-12-31 23:00:00.000 UTC", VariantBody},
		{"retired key", "retired", explained{signed: body, body: body}, RungKeyRetired, "retired 2026-01-01", VariantBody},
		{"expired key and late", "expired", explained{signed: body, body: body, change: later(time.Hour)}, RungKeyExpired, "", VariantBody},
		{"late", "now", explained{signed: body, body: body, change: later(time.Hour)}, RungTooOld, "judged 2026-01-01 01:00", VariantBody},
		{"early", "now", explained{signed: payload, body: body, change: later(-time.Hour)}, RungTooNew, "", VariantPayloadRaw},
		{"replaced key", "former", explained{signed: body, body: body}, RungKeyReplaced, "replaced 2025-12-31", VariantBody},
		{"nothing is wrong", "now", explained{signed: body, body: body}, RungVerifies, "", VariantBody},
		{"decrypted text", "now", explained{signed: payload, body: []byte("eyJ.a.b.c.d"), change: func(in *ExplainInput) { in.Decrypted = payload }}, RungVerifies, "", VariantDecrypted},
		{"another of our keys", "now", explained{signedKey: secretOf("former"), signed: payload, body: body}, RungOtherKey, "names now and was made with former", VariantPayloadRaw},
		{"a proxy added spaces", "now", explained{signed: body, body: spaced(body)}, RungReserialised, "compact", VariantBody},
		{"a proxy indented", "now", explained{signed: body, body: indented("    ")}, RungReserialised, "compact", VariantBody},
		{"a proxy escaped characters", "now", explained{signed: body, body: escapedASCII(body)}, RungReserialised, "without escapes", VariantBody},
		{"a proxy escaped slashes", "now", explained{signed: payload, body: escapedSlashes(body)}, RungReserialised, "without escapes", VariantPayloadRaw},
		{"PHP signed", "now", explained{signed: escapedSlashes(payload), body: body}, RungReserialised, "PHP", VariantPayloadRaw},
		{"PHP signed all escapes", "now", explained{signed: escapedSlashes(escapedASCII(payload)), body: body}, RungReserialised, "PHP", VariantPayloadRaw},
		{"Go signed", "now", explained{signed: escapedHTML(body), body: body}, RungReserialised, "Go", VariantBody},
		{"Python signed", "now", explained{signed: spaced(escapedASCII(body)), body: body}, RungReserialised, "Python", VariantBody},
		{"signed indented", "now", explained{signed: indented("  "), body: body}, RungReserialised, "indented", VariantBody},
		{"mark added", "now", explained{signed: body, body: []byte("\ufeff" + explainEnvelope)}, RungByteOrderMark, "added", VariantBody},
		{"mark added, payload signed", "now", explained{signed: payload, body: []byte("\ufeff" + explainEnvelope)}, RungByteOrderMark, "added", VariantPayloadRaw},
		{"mark removed", "now", explained{signed: []byte("\ufeff" + explainEnvelope), body: body}, RungByteOrderMark, "removed", VariantBody},
		{"line end added", "now", explained{signed: body, body: append(bytes.Clone(body), '\n')}, RungLineEnding, "added at the end", VariantBody},
		{"CR LF added", "now", explained{signed: body, body: append(bytes.Clone(body), "\r\n"...)}, RungLineEnding, "added at the end", VariantBody},
		{"blank lines added around", "now", explained{signed: body, body: append([]byte("\n"), append(bytes.Clone(body), '\n')...)}, RungLineEnding, "around", VariantBody},
		{"indented with line end made DOS", "now", explained{signed: indented("  "), body: bytes.ReplaceAll(indented("  "), []byte("\n"), []byte("\r\n"))}, RungLineEnding, "LF", VariantBody},
		{"a proxy indented and ended the line", "now", explained{signed: body, body: append(indented("  "), '\n')}, RungReserialised, "compact", VariantBody},
		{"line end added to text", "now", explained{signed: []byte("eyJ"), body: []byte("eyJ\n")}, RungLineEnding, "added", VariantBody},
		{"line end removed", "now", explained{signed: []byte(explainEnvelope + "\r\n"), body: body}, RungLineEnding, "removed", VariantBody},
		{"line ends made DOS", "now", explained{signed: indented("\t\t"), body: bytes.ReplaceAll(indented("\t\t"), []byte("\n"), []byte("\r\n"))}, RungLineEnding, "LF", VariantBody},
		{"made Latin-1", "now", explained{signed: body, body: bytes.ReplaceAll(body, []byte("ë"), []byte("\xeb"))}, RungCharset, "Latin-1", VariantBody},
		{"encoded twice", "now", explained{signed: body, body: fromLatin1(body)}, RungCharset, "read as Latin-1", VariantBody},
		{"made UTF-16, little end first", "now", explained{signed: body, body: utf16Of("\ufeff"+explainEnvelope, false)}, RungCharset, "UTF-16", VariantBody},
		{"made UTF-16, payload signed", "now", explained{signed: payload, body: utf16Of(explainEnvelope, true)}, RungCharset, "UTF-16", VariantPayloadRaw},
		{"gzip", "now", explained{signed: body, body: gzipped(t, explainEnvelope)}, RungCompressed, "gzip", VariantBody},
		{"deflate, payload signed", "now", explained{signed: payload, body: deflated(t, explainEnvelope)}, RungCompressed, "deflate", VariantPayloadRaw},
		{"no time", "now", explained{signature: bareSignature("now", secretOf("now"), explainPayload), body: body}, RungNoTimestamp, "", VariantPayloadRaw},
		{"text of the key", "now", explained{signedKey: Secret(secretOf("now").Base64()), signed: body, body: body}, RungKeyNotDecoded, "", VariantBody},
		{"made with production's key", "now", explained{signedKey: secretOf("live"), signed: body, body: body}, RungWrongEnvironment, "live belongs to org production", VariantBody},
		{"forged", "now", explained{signedKey: stranger, signed: body, body: body}, RungNoExplanation, "", ""},
		{"tampered", "now", explained{signed: body, body: bytes.Replace(body, []byte("1.50"), []byte("9.50"), 1)}, RungNoExplanation, "", ""},
		{"too much to try", "now", explained{signedKey: stranger, signed: body, body: bytes.Repeat([]byte("x"), maxExplainBytes/3)}, RungStoppedAtItsLimit, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := tc.e.explain(tc.keyID)
			if got.Rung != tc.want || !strings.Contains(got.Detail, tc.detail) || got.Variant != tc.variant {
				t.Errorf("got %s, %q, %s, want %s, %q, %s", got.Rung, got.Detail, got.Variant, tc.want, tc.detail, tc.variant)
			}
			if !strings.HasPrefix(got.Sentence(), tc.want.Sentence()) || !strings.HasSuffix(got.Sentence(), got.Detail) {
				t.Errorf("got sentence %q", got.Sentence())
			}
		})
	}
}

func TestEveryRungHasASentenceOfItsOwn(t *testing.T) {
	t.Parallel()
	seen := map[string]Rung{}
	for _, r := range Rungs() {
		s := r.Sentence()
		if other, ok := seen[s]; ok || s == Rung("").Sentence() || !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "?") {
			t.Errorf("%s says %q, as does %q", r, s, other)
		}
		seen[s] = r
	}
	if len(seen) != 23 {
		t.Errorf("got %d rungs, want 23", len(seen))
	}
}

func TestExplanationShowsNoKeyAndNoWholeDigest(t *testing.T) {
	t.Parallel()
	for _, keyID := range []string{"now", "nobody", "neighbour", "live", "expired", "former"} {
		got := explained{signed: []byte("other"), body: []byte(explainEnvelope), signedKey: Secret("x")}.explain(keyID)
		printed := fmt.Sprintf("%+v %#v %s", got, got, got.Sentence())
		if got.Key != nil {
			printed += fmt.Sprintf("%+v", *got.Key)
		}
		for _, key := range explainKeys() {
			if len(key.Secret) == 0 {
				continue
			}
			whole := base64.StdEncoding.EncodeToString(newMAC(key.Secret, "1767225600000").of([]byte(explainEnvelope)))
			for _, needle := range []string{string(key.Secret[:8]), key.Secret.Base64()[:8], whole[:12]} {
				if strings.Contains(printed, needle) {
					t.Errorf("%s: %q shows in %s", keyID, needle, printed)
				}
			}
		}
		if len(got.Received) != shownDigest+len("…") {
			t.Errorf("%s: received digest is %q", keyID, got.Received)
		}
	}
}

func TestExplanationHasTheFacts(t *testing.T) {
	t.Parallel()
	got := explained{signed: []byte(explainPayload), body: []byte(explainEnvelope), change: func(in *ExplainInput) {
		in.Now, in.Pinned = explainTime.Add(time.Hour), VariantPayloadRaw
	}}.explain("now")
	if got.Skew != time.Hour || !got.SignedAt.Equal(explainTime) || got.KeyID != "now" || got.Key == nil || got.Key.Environment != Test {
		t.Errorf("got %+v", got)
	}
	if got.Expected != got.Received || got.Expected == "" {
		t.Errorf("expected %q, received %q, want them equal for the pinned variant", got.Expected, got.Received)
	}
	if want := []string{"now", "former", "expired", "retired", "empty"}; !slices.Equal(got.KnownKeyIDs, want) {
		t.Errorf("got keys %v, want %v", got.KnownKeyIDs, want)
	}
}

// TestManyKeysAreBounded gives more keys than are tried; the named one is found all the same.
func TestManyKeysAreBounded(t *testing.T) {
	t.Parallel()
	var keys []KnownKey
	for i := range 500 {
		keys = append(keys, KnownKey{Key: Key{ID: fmt.Sprint(i), Secret: Secret(fmt.Sprintf("secret %d", i))}})
	}
	at := func(id int, signer int) Explanation {
		return Explain(ExplainInput{
			Signature: Sign(Key{ID: fmt.Sprint(id), Secret: keys[signer].Secret}, explainTime, []byte("x")), Body: []byte("x"),
			Now: explainTime, Keys: keys,
		})
	}
	if got := at(499, 499); got.Rung != RungVerifies {
		t.Errorf("got %s, want the named key found among many", got.Rung)
	}
	if got := at(499, 10); got.Rung != RungOtherKey {
		t.Errorf("got %s, want an early key tried", got.Rung)
	}
	if got := at(499, 400); got.Rung != RungNoExplanation || len(got.KnownKeyIDs) != maxListedKeys {
		t.Errorf("got %s with %d ids, want a late key not tried", got.Rung, len(got.KnownKeyIDs))
	}
}

// BenchmarkExplainForged climbs the whole ladder for a body of 2 KB, as a stranger makes it be climbed.
func BenchmarkExplainForged(b *testing.B) {
	body := []byte(`{"webhookId":"w","payload":{"data":{"name":"Zoë","text":"` + strings.Repeat("ab/c ", 400) + `"},"organizationId":"o"},"requestType":"NEW"}`)
	for _, keys := range []int{2, maxExplainKeys} {
		b.Run(fmt.Sprint(keys, " keys"), func(b *testing.B) {
			e := explained{signedKey: Secret("nobody's"), signed: []byte("other"), body: body, change: func(in *ExplainInput) {
				for i := len(in.Keys); i < keys; i++ {
					in.Keys = append(in.Keys, KnownKey{Key: Key{ID: fmt.Sprint(i), Secret: Secret(fmt.Sprint("secret ", i))}, OrganizationID: "org", Environment: Test})
				}
				in.Keys = in.Keys[:keys]
			}}
			b.SetBytes(int64(len(body)))
			for b.Loop() {
				if got := e.explain("now"); got.Rung != RungNoExplanation {
					b.Fatal(got.Rung)
				}
			}
		})
	}
}

func BenchmarkExplainForgedMegabyte(b *testing.B) {
	body := []byte(`{"payload":{"a":"` + strings.Repeat("ü/", 1<<19/2) + `"},"x":"` + strings.Repeat("<é>", 1<<19/4) + `"}`)
	e := explained{signedKey: Secret("nobody's"), signed: []byte("other"), body: body}
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if got := e.explain("now"); got.Rung != RungNoExplanation && got.Rung != RungStoppedAtItsLimit {
			b.Fatal(got.Rung)
		}
	}
}

// TestRewritingIsWhatOtherLibrariesWrite has one text as each of them writes it.
func TestRewritingIsWhatOtherLibrariesWrite(t *testing.T) {
	t.Parallel()
	const literal = "{\"a\":\"<é/😀\\\"\\\\\\n\\u0001>\",\"b\":[1,2.50,null]}"
	for name, tc := range map[string]struct{ got, want string }{
		"without escapes": {string(unescaped([]byte(`{"a":"\u003c\u00E9\/\ud83d\ude00\"\\\n\u0001\u003e","b":[1,2.50,null]}`))), literal},
		"PHP":             {string(escapedSlashes([]byte(literal))), `{"a":"<é\/😀\"\\\n\u0001>","b":[1,2.50,null]}`},
		"Go":              {string(escapedHTML([]byte(literal))), `{"a":"\u003cé/😀\"\\\n\u0001\u003e","b":[1,2.50,null]}`},
		"Python":          {string(spaced(escapedASCII([]byte(literal)))), `{"a": "<\u00e9/\ud83d\ude00\"\\\n\u0001>", "b": [1, 2.50, null]}`},
	} {
		if tc.got != tc.want {
			t.Errorf("%s: got %s, want %s", name, tc.got, tc.want)
		}
	}
	if forms := slices.Collect(rewritten([]byte("no JSON"))); forms != nil {
		t.Errorf("got %v of what is no JSON", forms)
	}
	for _, broken := range [][]byte{{0x1f, 0x8b, 0}, {0x78, 0}, {0x78, 0x9c, 0xff}, {1}, nil} {
		if forms := inflated(broken); forms != nil {
			t.Errorf("got %v of %x", forms, broken)
		}
	}
	if forms := inflated(deflated(t, strings.Repeat("0", maxInflated+10))); len(forms) != 1 || len(forms[0].bytes) != maxInflated {
		t.Error("want a bomb cut off")
	}
}

// These are what libraries write, made in another way than by the code under test.
func escapedSlashes(literal []byte) []byte {
	return bytes.ReplaceAll(literal, []byte("/"), []byte(`\/`))
}

func escapedHTML(literal []byte) []byte {
	var b bytes.Buffer
	json.HTMLEscape(&b, literal)
	return b.Bytes()
}

func escapedASCII(literal []byte) []byte {
	dst := make([]byte, 0, len(literal)+len(literal)/8)
	for _, r := range string(literal) {
		switch {
		case r < utf8.RuneSelf:
			dst = utf8.AppendRune(dst, r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			dst = appendEscape(appendEscape(dst, high), low)
		default:
			dst = appendEscape(dst, r)
		}
	}
	return dst
}
