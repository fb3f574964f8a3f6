package cybs

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// What a caller can test for with errors.Is. The first three and ErrValidityTooLong are also what an *APIError is.
var (
	// ErrNotFound means: the subscription or organization is not there (404).
	ErrNotFound = errors.New("not found")
	// ErrUnauthorized means: the credentials were not accepted (401).
	ErrUnauthorized = errors.New("not authorized")
	// ErrAlreadyExists means: the organization has a subscription for that product already (400 "Record already exists").
	ErrAlreadyExists = errors.New("record already exists")
	// ErrNotOffered means: the account does not have this operation (the withdrawn replays).
	ErrNotOffered = errors.New("not offered to this account")
	// ErrValidityTooLong means: Cybersource refused a certificate with "Key invalid or validity too long".
	ErrValidityTooLong = errors.New("certificate is invalid or valid for too long")
	// ErrResponseTooLarge means: the answer is longer than 1 MiB and was not read.
	ErrResponseTooLarge = errors.New("answer is larger than 1 MiB")
	// ErrMalformedResponse means: the answer says success but is not what the call returns.
	ErrMalformedResponse = errors.New("malformed answer")
	// ErrInvalidArgument means: the call was not sent, because an argument cannot be right.
	ErrInvalidArgument = errors.New("invalid argument")
)

// FieldError is one complaint about one field, in Cybersource's words or in those of a Validate method.
type FieldError struct {
	Field  string
	Reason string
}

// ValidationError lists the fields that cannot be right, each under its name in the API.
type ValidationError struct{ Fields []FieldError }

func (e *ValidationError) add(field, reason string) {
	e.Fields = append(e.Fields, FieldError{Field: field, Reason: reason})
}

// Error lists all fields with their reasons.
func (e *ValidationError) Error() string {
	parts := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		parts[i] = f.Field + " " + f.Reason
	}
	return strings.Join(parts, "; ")
}

// Is makes a ValidationError an ErrInvalidArgument.
func (e *ValidationError) Is(target error) bool { return target == ErrInvalidArgument }

// APIError is an answer that is not a success. All texts are bounded and cleaned: control characters, card numbers,
// tokens and long runs of base64 are replaced, so it may be logged and shown.
type APIError struct {
	Method, Path string
	StatusCode   int
	// Status is the status of the body, such as INVALID_REQUEST; often empty.
	Status string
	// Reason is the machine-readable reason, such as INVALID_DATA; often empty.
	Reason string
	// Message is Cybersource's sentence, or the status text where the body has none.
	Message string
	// CorrelationID is what Cybersource's support asks for; often empty.
	CorrelationID string
	// Details are complaints about single fields.
	Details []FieldError
	// RetryAfter is what the answer asked for, 0 if nothing.
	RetryAfter time.Duration

	foreign bool // the body is not JSON: it was not the API that answered
}

// Error names the call, the status and what Cybersource said.
func (e *APIError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %d", e.Method, e.Path, e.StatusCode)
	for _, s := range []string{e.Status, e.Reason} {
		if s != "" {
			b.WriteString(" " + s)
		}
	}
	if e.Message != "" {
		b.WriteString(": " + e.Message)
	}
	for _, d := range e.Details {
		fmt.Fprintf(&b, "; %s %s", d.Field, d.Reason)
	}
	if e.CorrelationID != "" {
		b.WriteString(" [correlation id " + e.CorrelationID + "]")
	}
	return b.String()
}

// Is reports whether the answer means target, one of ErrNotFound, ErrUnauthorized, ErrAlreadyExists and
// ErrValidityTooLong.
func (e *APIError) Is(target error) bool {
	switch target {
	case ErrNotFound:
		return e.StatusCode == http.StatusNotFound
	case ErrUnauthorized:
		return e.StatusCode == http.StatusUnauthorized
	case ErrAlreadyExists:
		return e.StatusCode == http.StatusConflict ||
			e.StatusCode == http.StatusBadRequest && e.says("record already exists")
	case ErrValidityTooLong:
		return e.StatusCode == http.StatusBadRequest && e.says("validity too long")
	}
	return false
}

// says looks for one of the texts that Cybersource is known to answer with, in the message and in the details.
func (e *APIError) says(text string) bool {
	if strings.Contains(strings.ToLower(e.Message), text) {
		return true
	}
	for _, d := range e.Details {
		if strings.Contains(strings.ToLower(d.Reason), text) {
			return true
		}
	}
	return false
}
