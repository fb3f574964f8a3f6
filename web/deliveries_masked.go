package web

import "fmt"

// maskedNote says what a payload does not show, and what of that is kept nowhere; "" when it shows everything.
func maskedNote(masked, blanked int) string {
	switch {
	case blanked > 0:
		return fmt.Sprintf("%s masked. %s removed before the body was stored, because such data must not be kept. The rest is kept sealed; size and digest are those of what arrived.",
			plural(masked, "value is", "values are"), plural(blanked, "security code or piece of track data was", "security codes or pieces of track data were"))
	case masked > 0:
		return fmt.Sprintf("%s masked. The original bytes are kept sealed; size and digest are theirs.", plural(masked, "value is", "values are"))
	}
	return ""
}
