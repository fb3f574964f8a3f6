package web

import (
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/switchboardhq/switchboard/cybs"
)

const (
	// sharedSecretBytes is the length of Cybersource's shared secrets: of a REST key and of a digital signature key.
	sharedSecretBytes = 32
	maxSecretText     = 20000 // of a file that was pasted instead: it is named, and not cut off
)

var (
	uuidForm     = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	hexForm      = regexp.MustCompile(`^[0-9A-Fa-f]+$`)
	nearUUIDForm = regexp.MustCompile(`^[0-9A-Fa-f-]{28,44}$`)
	labelledForm = regexp.MustCompile(`(?i)^"?(key[-_ ]?id|kid|id|t|sig|merchant[-_ ]?id|organization[-_ ]?id|v-c-[a-z-]+)"?\s*[=:]`)
	base64Form   = regexp.MustCompile(`^[A-Za-z0-9+/]{40,}={0,2}$`)
	// typedKeyForm is what an id of a key may consist of; Cybersource's are UUIDs.
	typedKeyForm = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,200}$`)
)

// typedID reads an id of Cybersource that somebody typed or pasted, in its normal form. What is no id but something that is known is named.
func (f *form) typedID(name, missing string) string {
	id := cybs.NormalID(f.values.Get(name))
	switch problem := idProblem(id); {
	case id == "":
		f.fail(name, missing)
	case problem != "":
		f.fail(name, problem)
	default:
		f.values.Set(name, id)
		return f.text(name, 200)
	}
	return ""
}

// accountID reads the id of an organization or a merchant, of the form that Cybersource gives.
func (f *form) accountID(name, missing, wrong string) string {
	id := strings.TrimFunc(f.values.Get(name), isAround)
	switch what := invisible(id); {
	case id == "":
		f.fail(name, missing)
	case labelledForm.MatchString(id):
		f.fail(name, "Leave out the name in front: type the id alone, which begins behind = or :.")
	case what != "":
		f.fail(name, "There is "+what+" inside this id. "+wrong)
	case uuidForm.MatchString(strings.ToLower(id)):
		f.fail(name, "This looks like the id of a key. "+wrong+" It is the one that the Business Center shows beside the account's name.")
	case !organizationIDForm.MatchString(id):
		f.fail(name, wrong)
	default:
		f.values.Set(name, id)
		return id
	}
	return ""
}

// idProblem names what was typed in place of an id, "" when it may be one.
func idProblem(id string) string {
	what := invisible(id)
	switch {
	case strings.Contains(id, "-----BEGIN"):
		return "This is a PEM file, not an id. Type the id that stands beside the key."
	case labelledForm.MatchString(id):
		return "Leave out the name in front: type the id alone, which begins behind = or :."
	case what != "":
		return "There is " + what + " inside this id. Type it, or copy it again without what stands around it."
	case strings.Contains(id, "://"):
		return "This is an address, not an id."
	case uuidForm.MatchString(id):
		return ""
	case len(id) == 64 && hexForm.MatchString(id):
		return "These are 64 hexadecimal digits: a key or a fingerprint, not an id. An id looks like 0a1b2c3d-4e5f-6789-abcd-ef0123456789."
	case nearUUIDForm.MatchString(id) && strings.Contains(id, "-"), len(id) == 32 && hexForm.MatchString(id):
		return fmt.Sprintf("This looks like an id that lost or gained characters: it has %d, and an id such as 0a1b2c3d-4e5f-6789-abcd-ef0123456789 has 36, with hyphens. Copy it again.", len(id))
	case base64Form.MatchString(id) && !strings.Contains(id, "-"):
		return "This looks like a key, not like its id. An id looks like 0a1b2c3d-4e5f-6789-abcd-ef0123456789."
	case !typedKeyForm.MatchString(id):
		return "An id has letters, digits and . _ : - only."
	}
	return ""
}

// invisible names the first character that nobody can see, "" when there is none.
func invisible(text string) string {
	for _, r := range text {
		switch {
		case r == '\u00a0':
			return "a no-break space"
		case unicode.IsSpace(r), unicode.IsControl(r):
			return "a space or a line end"
		case unicode.Is(unicode.Cf, r):
			return fmt.Sprintf("an invisible character (%U)", r)
		}
	}
	return ""
}

// sharedSecret reads a shared secret that somebody pasted. What is none is named, and never repeated. It is nil when the field is empty or wrong.
func (f *form) sharedSecret(name string) cybs.Secret {
	typed := strings.TrimFunc(f.secret(name, maxSecretText), isAround)
	if typed == "" {
		return nil
	}
	if problem := secretProblem(typed); problem != "" {
		f.fail(name, problem)
		return nil
	}
	secret, err := cybs.ParseSecret(typed)
	if err != nil {
		f.fail(name, notWholeSecret)
		return nil
	}
	if len(secret) != sharedSecretBytes {
		f.fail(name, fmt.Sprintf("This is not a whole secret: it has %d bytes, and Cybersource's shared secrets have %d, which are 44 characters of base64. Copy it again.", len(secret), sharedSecretBytes))
		return nil
	}
	return secret
}

const notWholeSecret = "This is not a whole secret: it should be base64, often ending in =. Copy it again from the Business Center." //nolint:gosec // G101: words about a secret

// secretProblem names what was pasted in place of a shared secret, "" when it may be one.
func secretProblem(typed string) string {
	compact := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, typed)
	decoded, err := base64.StdEncoding.DecodeString(compact)
	switch {
	case strings.Contains(typed, "-----BEGIN"):
		return "This is a PEM file: a certificate or a private key. What is asked for is the shared secret, 44 characters of base64."
	case uuidForm.MatchString(cybs.NormalID(typed)):
		return "This is an id. What is asked for is the secret that belongs to it, 44 characters of base64."
	case len(compact) >= 2*sharedSecretBytes && hexForm.MatchString(compact):
		return "This is hexadecimal. Cybersource gives shared secrets as base64, 44 characters: copy that form, or make another key."
	case err == nil && len(decoded) > 100 && decoded[0] == 0x30 && decoded[1]&0x80 != 0:
		return "This is the content of a P12 file or a certificate in base64. What is asked for is the shared secret, 44 characters of base64."
	case labelledForm.MatchString(typed) || strings.HasPrefix(typed, "{"):
		return "Leave out what stands around the secret: paste its 44 characters alone."
	}
	if what := invisible(typed); what != "" {
		return "This is not a whole secret as it was given out: there is " + what + " inside. Copy it again."
	}
	return ""
}

func isAround(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune("\"'`“”", r)
}
