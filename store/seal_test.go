package store

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func testKey(t *testing.T, fill byte) SealingKey {
	t.Helper()
	key, err := ParseSealingKey(base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{fill}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func testSealer(t *testing.T, keys ...SealingKey) *Sealer {
	t.Helper()
	s, err := NewSealer(keys...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSealedValuesOpenOnlyInTheirPlace(t *testing.T) {
	t.Parallel()
	s := testSealer(t, testKey(t, 1))
	sealed := s.seal(sealBodies, "row 1", []byte("plain"))
	if bytes.Contains(sealed, []byte("plain")) {
		t.Error("the sealed value shows its plain text")
	}
	if plain, err := s.open(sealBodies, "row 1", sealed); err != nil || string(plain) != "plain" {
		t.Errorf("open = %q, %v; want the plain text", plain, err)
	}
	for name, open := range map[string]func() ([]byte, error){
		"another row":     func() ([]byte, error) { return s.open(sealBodies, "row 2", sealed) },
		"another purpose": func() ([]byte, error) { return s.open(sealSignature, "row 1", sealed) },
		"a changed byte": func() ([]byte, error) {
			changed := bytes.Clone(sealed)
			changed[len(changed)-1] ^= 1
			return s.open(sealBodies, "row 1", changed)
		},
		"a cut value":     func() ([]byte, error) { return s.open(sealBodies, "row 1", sealed[:5]) },
		"an empty value":  func() ([]byte, error) { return s.open(sealBodies, "row 1", nil) },
		"another version": func() ([]byte, error) { return s.open(sealBodies, "row 1", append([]byte{2}, sealed[1:]...)) },
	} {
		if plain, err := open(); !errors.Is(err, ErrSealBroken) {
			t.Errorf("%s: open = %q, %v; want ErrSealBroken", name, plain, err)
		}
	}
}

func TestRotatedKeysStillOpenAndNoLongerSeal(t *testing.T) {
	t.Parallel()
	older, newer := testKey(t, 1), testKey(t, 2)
	sealed := testSealer(t, older).seal(sealCredentials, "x", []byte("secret"))
	rotated := testSealer(t, newer, older)
	if plain, err := rotated.open(sealCredentials, "x", sealed); err != nil || string(plain) != "secret" {
		t.Errorf("after rotation open = %q, %v; want the secret", plain, err)
	}
	fresh := rotated.seal(sealCredentials, "x", []byte("secret"))
	if _, err := testSealer(t, older).open(sealCredentials, "x", fresh); !errors.Is(err, ErrSealBroken) {
		t.Errorf("the older key opens what was sealed after rotation: %v", err)
	}
}

func TestSealingKeyIsCheckedAndNeverPrints(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "not base64!", base64.StdEncoding.EncodeToString(make([]byte, 31))} {
		if _, err := ParseSealingKey(text); err == nil {
			t.Errorf("ParseSealingKey(%q) succeeded", text)
		} else if text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("the error shows the key: %v", err)
		}
	}
	key := testKey(t, 'K')
	for name, shown := range printed(t, key, Secret("KKKKKKKK")) {
		if strings.Contains(shown, "KKKK") || strings.Contains(shown, "75 75 75") || strings.Contains(shown, "4b4b4b") || strings.Contains(shown, "S0tLS0") {
			t.Errorf("%s shows the secret: %s", name, shown)
		}
	}
}

// printed shows values in every way that a careless line of code would.
func printed(t *testing.T, values ...any) map[string]string {
	t.Helper()
	shown := make(map[string]string)
	for i, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
			shown[fmt.Sprint(verb, i)] = fmt.Sprintf(verb, v)
			shown[fmt.Sprint(verb, i, " inside")] = fmt.Sprintf(verb, struct{ V any }{v})
		}
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		shown[fmt.Sprint("json", i)] = string(text)
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "value", v)
		shown[fmt.Sprint("slog", i)] = log.String()
	}
	return shown
}
