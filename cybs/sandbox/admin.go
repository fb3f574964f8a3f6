package sandbox

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The admin API does over HTTP what the methods of Sandbox do. It asks for no
// credentials, so a sandbox belongs on a local address; what a foreign web page
// makes a browser send is refused.
//
//	POST /sandbox/v1/events                        an EventRequest; answers an EventResult
//	GET  /sandbox/v1/catalogue                     the events there are, and the faults
//	GET, PUT /sandbox/v1/trickle                   {"interval": "5s"}, "0s" is off
//	GET  /sandbox/v1/deliveries?webhookId&kind&limit
//	GET  /sandbox/v1/subscriptions
//	PUT  /sandbox/v1/subscriptions/{webhookId}     {"arrayPayload": true}
//	POST /sandbox/v1/reviews/{webhookId}/approve, …/reject
//	GET, PUT /sandbox/v1/condition                 {"trouble": "throttled", "retryAfter": "2s", "requests": 3}
//	GET  /sandbox/v1/certificates                  what receivers may want to trust
//	GET  /sandbox/v1/openapi.json                  the document the REST API is tested against
func (s *Sandbox) mountAdmin(mux *http.ServeMux) {
	guard := http.NewCrossOriginProtection()
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		adminError(w, http.StatusForbidden, "cross-origin request")
	}))
	base := s.cfg.BasePath + "/sandbox/v1"
	for _, rt := range []struct {
		path    string
		methods map[string]http.HandlerFunc
	}{
		{"/events", map[string]http.HandlerFunc{http.MethodPost: s.adminEmit}},
		{"/catalogue", map[string]http.HandlerFunc{http.MethodGet: s.adminCatalogue}},
		{"/trickle", map[string]http.HandlerFunc{http.MethodGet: s.adminShowTrickle, http.MethodPut: s.adminSetTrickle}},
		{"/deliveries", map[string]http.HandlerFunc{http.MethodGet: s.adminDeliveries}},
		{"/subscriptions", map[string]http.HandlerFunc{http.MethodGet: s.adminSubscriptions}},
		{"/subscriptions/{webhookId}", map[string]http.HandlerFunc{http.MethodPut: s.adminSubscription}},
		{"/condition", map[string]http.HandlerFunc{http.MethodGet: s.adminShowCondition, http.MethodPut: s.adminSetCondition}},
		{"/certificates", map[string]http.HandlerFunc{http.MethodGet: s.adminCertificates}},
		{"/openapi.json", map[string]http.HandlerFunc{http.MethodGet: adminOpenAPI}},
		{"/reviews/{webhookId}/{decision}", map[string]http.HandlerFunc{http.MethodPost: s.adminReview}},
	} {
		mux.Handle(base+rt.path, guard.Handler(adminMethods(rt.methods)))
	}
}

func adminMethods(methods map[string]http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, ok := methods[r.Method]
		if !ok {
			for m := range methods {
				w.Header().Add("Allow", m)
			}
			adminError(w, http.StatusMethodNotAllowed, "method not allowed")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxRequestBytes)
		h(w, r)
	})
}

func adminError(w http.ResponseWriter, status int, message string) {
	writeJSON(w, status, map[string]string{"error": message})
}

// readAdmin decodes a body strictly, so that a mistyped member is not ignored.
func readAdmin(w http.ResponseWriter, r *http.Request, into any) bool {
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, more := dec.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more than one JSON value")
		}
	}
	if err != nil {
		adminError(w, http.StatusBadRequest, err.Error())
		return false
	}
	return true
}

func (s *Sandbox) adminEmit(w http.ResponseWriter, r *http.Request) {
	var req EventRequest
	if !readAdmin(w, r, &req) {
		return
	}
	result, err := s.Emit(r.Context(), req)
	switch {
	case err == nil:
		writeJSON(w, http.StatusAccepted, result)
	case errors.Is(err, ErrQueueFull):
		adminError(w, http.StatusServiceUnavailable, err.Error())
	default:
		adminError(w, http.StatusBadRequest, err.Error())
	}
}

func (s *Sandbox) adminCatalogue(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, struct {
		Events   []CatalogueEvent `json:"events"`
		Faults   []Fault          `json:"faults"`
		Troubles []Trouble        `json:"troubles"`
	}{s.Catalogue(), Faults(), Troubles()})
}

type trickleBody struct {
	Interval string `json:"interval"`
}

func (s *Sandbox) adminShowTrickle(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, trickleBody{s.Trickle().String()})
}

func (s *Sandbox) adminSetTrickle(w http.ResponseWriter, r *http.Request) {
	var body trickleBody
	if !readAdmin(w, r, &body) {
		return
	}
	d, err := time.ParseDuration(body.Interval)
	if err != nil || d < 0 {
		adminError(w, http.StatusBadRequest, `interval must be a duration like "5s", or "0s"`)
		return
	}
	s.SetTrickle(d)
	s.adminShowTrickle(w, r)
}

func (s *Sandbox) adminDeliveries(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	limit := 100
	if text := q.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			adminError(w, http.StatusBadRequest, "limit must be a positive number")
			return
		}
		limit = n
	}
	writeJSON(w, http.StatusOK, s.Deliveries(DeliveryQuery{WebhookID: q.Get("webhookId"), Kind: Kind(q.Get("kind")), Limit: limit}))
}

func (s *Sandbox) adminReview(w http.ResponseWriter, r *http.Request) {
	decision := strings.ToLower(r.PathValue("decision"))
	if decision != "approve" && decision != "reject" {
		adminError(w, http.StatusNotFound, "the decision is approve or reject")
		return
	}
	s.adminDone(w, s.Review(r.PathValue("webhookId"), decision == "approve"))
}

// adminDone answers a change of one subscription.
func (s *Sandbox) adminDone(w http.ResponseWriter, err error) {
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, ErrNotFound):
		adminError(w, http.StatusNotFound, err.Error())
	case errors.Is(err, ErrNotPending):
		adminError(w, http.StatusConflict, err.Error())
	default:
		adminError(w, http.StatusInternalServerError, err.Error())
	}
}
