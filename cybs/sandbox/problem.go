package sandbox

import (
	"fmt"
	"net/http"
	"time"
)

// Reasons of field errors, as the API spells them.
const (
	reasonMissing = "MISSING_FIELD"
	reasonInvalid = "INVALID_DATA"
)

// fieldError names one field that is missing or wrong.
type fieldError struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// problem is an error answer in the shape Cybersource uses for that case.
type problem struct {
	status int
	body   any
}

func (p *problem) Error() string { return fmt.Sprintf("answered %d", p.status) }

func unauthorized() *problem {
	type response struct {
		Message string `json:"rmsg"`
	}
	return &problem{http.StatusUnauthorized, struct {
		Response response `json:"response"`
	}{response{"Authentication Failed"}}}
}

// errorModel is the general error body.
type errorModel struct {
	SubmitTime string       `json:"submitTimeUtc"`
	Status     string       `json:"status"`
	Reason     string       `json:"reason"`
	Message    string       `json:"message"`
	Details    []fieldError `json:"details,omitempty"`
}

func (s *Sandbox) timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

// badRequest is the general 400.
func (s *Sandbox) badRequest(message string, details ...fieldError) *problem {
	reason := reasonInvalid
	if len(details) > 0 {
		reason = details[0].Reason
	}
	return &problem{http.StatusBadRequest, errorModel{
		SubmitTime: s.timestamp(s.cfg.Now()), Status: "INVALID_REQUEST", Reason: reason, Message: message, Details: details,
	}}
}

func (s *Sandbox) serverError() *problem {
	return &problem{http.StatusInternalServerError, errorModel{
		SubmitTime: s.timestamp(s.cfg.Now()), Status: "SERVER_ERROR", Reason: "SYSTEM_ERROR",
		Message: "General system failure.",
	}}
}

// notFound is the 404 of the subscription calls; version 1 repeats the status.
func notFound(message string, v1 bool) *problem {
	body := struct {
		StatusCode int          `json:"statusCode,omitempty"`
		Reason     string       `json:"reason"`
		Message    string       `json:"message"`
		Details    []fieldError `json:"details"`
	}{0, "NOT_FOUND", message, []fieldError{}}
	if v1 {
		body.StatusCode = http.StatusNotFound
	}
	return &problem{http.StatusNotFound, body}
}

// gatewayProblem is what stands in front of all services answers.
func gatewayProblem(status int, kind, message string) *problem {
	type entry struct {
		Type    string `json:"type"`
		Message string `json:"message"`
	}
	return &problem{status, struct {
		Errors []entry `json:"errors"`
	}{[]entry{{kind, message}}}}
}
