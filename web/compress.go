package web

import (
	"fmt"
	"mime"
	"net/http"

	"github.com/klauspost/compress/gzhttp"
)

// jitterBytes is how many random bytes at most are added to a compressed answer, so that its length says little of what is in it.
const jitterBytes = 64

// compress sends pages and texts with gzip to browsers that take it. What has its own encoding, as the files below /static, and
// streams of events pass unchanged.
//
// A page that holds a secret beside text which somebody else has chosen gives the secret away by its compressed length (the BREACH
// attack). So the CSRF token is masked differently in each answer, and each answer has a random length.
func compress(next http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(gzhttp.ContentTypeFilter(compressible), gzhttp.EnableZstd(false), gzhttp.RandomJitter(jitterBytes, 0, false))
	if err != nil {
		return nil, fmt.Errorf("set up compression: %w", err)
	}
	return wrap(next), nil
}

// compressible reports whether an answer of that content type shrinks and is not a stream.
func compressible(contentType string) bool {
	kind, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	switch kind {
	case "text/html", "text/plain", "text/csv", "application/json":
		return true
	}
	return false
}
