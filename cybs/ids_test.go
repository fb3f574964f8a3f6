package cybs

import (
	"strings"
	"testing"
)

func TestOneIDHasOneSpelling(t *testing.T) {
	t.Parallel()
	const id = "0a1b2c3d-4e5f-6789-abcd-ef0123456789"
	around := [][2]string{{"", ""}, {" ", " "}, {`"`, `"`}, {"'", "'"}, {"“", "”"}, {"\ufeff", ""}, {"", "\u200b"}, {"\u00a0", "\r\n"}, {"{", "}"}, {"urn:uuid:", ""}, {"URN:UUID:", ""}, {`"urn:uuid:{`, `}"`}}
	for _, a := range around {
		for _, spelling := range []string{id, strings.ToUpper(id), "0A1b2c3d-4E5f-6789-aBcd-eF0123456789"} {
			if got := NormalID(a[0] + spelling + a[1]); got != id {
				t.Errorf("NormalID(%q) = %q", a[0]+spelling+a[1], got)
			}
		}
	}
	for text, want := range map[string]string{
		"": "", "Key-Of-Later": "Key-Of-Later", " x ": "x", "{x}": "{x}", "urn:uuid:x": "urn:uuid:x", `""`: "", strings.Repeat("A", 32): strings.Repeat("A", 32),
		"{" + strings.Repeat("A", 32) + "}": "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa",
	} {
		if got := NormalID(text); got != want {
			t.Errorf("NormalID(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzNormalID(f *testing.F) {
	f.Add("{0A1B2C3D-4E5F-6789-ABCD-EF0123456789}")
	f.Add("urn:uuid:\"x")
	f.Fuzz(func(t *testing.T, text string) {
		once := NormalID(text)
		if len(once) > len(text)+4 || !SameID(text, text) {
			t.Errorf("NormalID(%q) = %q", text, once)
		}
		if isUUID(once) && NormalID(strings.ToUpper(once)) != once {
			t.Errorf("two spellings of %q", once)
		}
	})
}
