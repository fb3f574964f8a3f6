package sandbox_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
	"github.com/switchboardhq/switchboard/cybs/sandbox/sandboxtest"
)

// document is openapi.json, mounted where sandboxtest mounts the sandbox.
func document(t *testing.T) (*openapi3.T, routers.Router) {
	t.Helper()
	b, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(b)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	doc.Servers = openapi3.Servers{{URL: sandboxtest.BasePath}}
	router, err := legacy.NewRouter(doc)
	if err != nil {
		t.Fatal(err)
	}
	return doc, router
}

// contradiction is a place where sandbox or client differ from the document, for
// the reason given. Each of them must be met, or it is no longer true.
type contradiction struct {
	operation string // operationId; empty: any
	what      string // request, or answer
	at        string // JSON pointer, or status
	why       string
}

func contradictions() []contradiction {
	return []contradiction{
		{"", "answer", "/retryPolicy/deactivateFlag", "the reference's answer has a boolean (5.2); text by RetryPolicyText"},
		{"", "answer", "/notificationScope", "CUSTOM is in the guide and in version 1 only, and answers always have text (5.2)"},
		{"notificationSubscriptionsV1WebhooksWebhookIdPost", "answer", "/retryNumber", "the published answer has text (11.1)"},
		{"getWebhookSubscriptionsByOrg", "answer", "404", "live systems answer 404 where there are none (5.4)"},
		{"v1GetWebhookSubscriptionsByOrg", "answer", "404", "as in version 2"},
		{"notificationSubscriptionsV2WebhooksWebhookIdPatch", "answer", "400", "the document lists no 400; something must refuse bad values"},
		{"notificationSubscriptionsV2WebhooksWebhookIdPatch", "request", "/notificationScope", "the guide sends an object for CUSTOM (5.5)"},
		{"notificationSubscriptionsV2WebhooksPost", "request", "/notificationScope", "as above"},
		{"v1CreateWebhookSubscription", "answer", "400", "the document lists only answers that have a schema"},
		{"replayPreviousWebhooks", "answer", "400", "as above"},
		{"v1GetWebhookSubscriptionById", "answer", "404", "as above"},
	}
}

// referee holds what passes against the document.
type referee struct {
	http.RoundTripper
	t      *testing.T
	router routers.Router

	mu   sync.Mutex
	met  map[contradiction]bool
	seen map[string]bool // operation ids
}

func (r *referee) RoundTrip(req *http.Request) (*http.Response, error) {
	var sent []byte
	if req.Body != nil {
		var err error
		if sent, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body = io.NopCloser(bytes.NewReader(sent))
	}
	resp, err := r.RoundTripper.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(resp.Body)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(got))
	r.judge(req, sent, resp, got)
	return resp, nil
}

func (r *referee) judge(req *http.Request, sent []byte, resp *http.Response, got []byte) {
	copied := req.Clone(req.Context())
	copied.URL.Scheme, copied.URL.Host, copied.Host = "", "", ""
	copied.Body, copied.ContentLength = io.NopCloser(bytes.NewReader(sent)), int64(len(sent))
	route, params, err := r.router.FindRoute(copied)
	if err != nil {
		r.t.Errorf("%s %s is not in the document: %v", req.Method, req.URL.Path, err)
		return
	}
	id := route.Operation.OperationID
	r.mu.Lock()
	r.seen[id] = true
	r.mu.Unlock()
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, MultiError: true, IncludeResponseStatus: true}
	in := &openapi3filter.RequestValidationInput{Request: copied, PathParams: params, Route: route, Options: options}
	if len(sent) > 0 || route.Operation.RequestBody == nil {
		r.excuse(id, "request", openapi3filter.ValidateRequest(req.Context(), in), sent)
	}
	answer := &openapi3filter.ResponseValidationInput{RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header, Options: options}
	answer.SetBodyBytes(got)
	if err := openapi3filter.ValidateResponse(req.Context(), answer); err != nil {
		if route.Operation.Responses.Status(resp.StatusCode) == nil {
			r.excuseAt(id, "answer", strconv.Itoa(resp.StatusCode), err, got)
			return
		}
		r.excuse(id, "answer", err, got)
	}
}

// excuse takes an error apart.
func (r *referee) excuse(id, what string, err error, body []byte) {
	var schema *openapi3.SchemaError
	switch many := err.(type) { //nolint:errorlint // taken apart level by level
	case nil:
	case openapi3.MultiError:
		for _, one := range many {
			r.excuse(id, what, one, body)
		}
	case *openapi3filter.RequestError:
		if many.Err == nil {
			r.t.Errorf("%s %s: %v\n%s", id, what, err, body)
			return
		}
		r.excuse(id, what, many.Err, body)
	case *openapi3filter.ResponseError:
		if many.Err == nil {
			r.t.Errorf("%s %s: %v\n%s", id, what, err, body)
			return
		}
		r.excuse(id, what, many.Err, body)
	default:
		if !errors.As(err, &schema) {
			r.t.Errorf("%s %s: %v\n%s", id, what, err, body)
			return
		}
		pointer := schema.JSONPointer()
		if len(pointer) > 0 && strings.Trim(pointer[0], "0123456789") == "" {
			pointer = pointer[1:] // of a list
		}
		r.excuseAt(id, what, "/"+strings.Join(pointer, "/"), err, body)
	}
}

func (r *referee) excuseAt(id, what, at string, err error, body []byte) {
	for _, c := range contradictions() {
		if (c.operation == "" || c.operation == id) && c.what == what && c.at == at {
			r.mu.Lock()
			r.met[c] = true
			r.mu.Unlock()
			return
		}
	}
	r.t.Errorf("%s, %s at %s: %v\n%s", id, what, at, err, body)
}

// client is a client whose traffic is judged.
func (r *referee) client(t *testing.T, s *sandboxtest.Server, change func(*cybs.Config)) *cybs.Client {
	t.Helper()
	cfg := cybs.Config{BaseURL: s.URL, Credentials: s.Credentials, HTTPClient: &http.Client{Transport: r}}
	change(&cfg)
	c, err := cybs.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestClientAndSandboxKeepToTheDocument(t *testing.T) {
	t.Parallel()
	doc, router := document(t)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	r := &referee{RoundTripper: transport, t: t, router: router, met: map[contradiction]bool{}, seen: map[string]bool{}}
	certificate := newCertificate(t, cybs.MLECertificateOptions{})
	for _, scheme := range []cybs.Scheme{cybs.JWTSharedSecret, cybs.HTTPSignature} {
		for _, version := range []cybs.APIVersion{cybs.APIVersion2, cybs.APIVersion1} {
			for _, other := range []bool{false, true} { // the sandbox's default forms, and others that the document has
				h := newHouse(t, offerReplay, func(c *sandbox.Config) {
					c.API.FlatProducts = other
					if other {
						c.API.KeyTenancy, c.API.KeyStatus = sandbox.TenancySpec, "ACCEPTED"
					}
				})
				h.client = r.client(t, h.Server, func(c *cybs.Config) {
					c.Credentials.Scheme, c.APIVersion = scheme, version
				})
				h.everyCall(t, version, certificate)
			}
		}
	}
	for path, item := range doc.Paths.Map() {
		for method, operation := range item.Operations() {
			if !r.seen[operation.OperationID] {
				t.Errorf("%s %s (%s) was never called", method, path, operation.OperationID)
			}
		}
	}
	for _, c := range contradictions() {
		if !r.met[c] {
			t.Errorf("contradiction was not met: %+v", c)
		}
	}
}

// everyCall makes every call of the client, good ones and some that are refused.
func (h *house) everyCall(t *testing.T, version cybs.APIVersion, certificate *cybs.Certificate) {
	t.Helper()
	ctx, c, org := t.Context(), h.client, sandboxtest.OrganizationID
	must := func(what string, err error) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused := func(what string, err error) {
		t.Helper()
		var api *cybs.APIError
		if !errors.As(err, &api) {
			t.Errorf("%s: got %v, want a refusal", what, err)
		}
	}
	key, err := c.CreateSignatureKey(ctx, org, cybs.SignatureKeyOptions{ExpiryDays: 30, Reference: "ref", SenderOrganizationID: org})
	must("create key", err)
	h.key = key
	_, err = c.StoreOAuthCredentials(ctx, org, cybs.OAuthCredentials{ClientID: "c", ClientSecret: cybs.Secret("s")}, cybs.KeyOptions{})
	must("store credentials", err)
	_, err = c.StoreMLECertificate(ctx, org, certificate, cybs.KeyOptions{})
	must("store certificate", err)
	_, err = c.ListProducts(ctx, org)
	must("products", err)
	query := cybs.ListSubscriptionsOptions{OrganizationID: org, ProductID: tokens, EventType: updated}
	none, err := c.ListSubscriptions(ctx, query)
	if err != nil || len(none) != 0 {
		t.Errorf("list of none: %v %v", none, err)
	}
	sub, err := c.CreateSubscription(ctx, h.input())
	must("create", err)
	_, err = c.CreateSubscription(ctx, h.input())
	refused("create again", err)
	_, err = c.ListSubscriptions(ctx, query)
	must("list", err)
	_, err = c.GetSubscription(ctx, sub.WebhookID)
	must("get", err)
	name, bad := "Renamed", "https://"
	_, err = c.UpdateSubscription(ctx, sub.WebhookID, cybs.SubscriptionPatch{Name: &name})
	must("update", err)
	if version == cybs.APIVersion2 {
		_, err = c.UpdateSubscription(ctx, sub.WebhookID, cybs.SubscriptionPatch{WebhookURL: &bad})
		refused("bad update", err)
		_, err = c.UpdateSubscription(ctx, sub.WebhookID, cybs.SubscriptionPatch{
			Scope: &cybs.Scope{Kind: cybs.ScopeCustom, OrganizationIDs: []string{org}},
		})
		must("custom scope", err)
		custom := h.input(func(in *cybs.SubscriptionInput) {
			in.Scope = &cybs.Scope{Kind: cybs.ScopeCustom, OrganizationIDs: []string{org}}
			in.Products = []cybs.SubscribedProduct{{ProductID: "eCheck", EventTypes: []string{"payments.voids.failed"}}}
		})
		_, err = c.CreateSubscription(ctx, custom)
		must("create with custom scope", err)
	}
	must("activate", c.SetSubscriptionStatus(ctx, sub.WebhookID, cybs.StatusActive))
	_, err = c.TestSubscription(ctx, sub.WebhookID)
	must("test", err)
	must("replay", c.Replay(ctx, sub.WebhookID, cybs.Replay{TraceIDs: []string{"x"}}))
	must("replay by status", c.Replay(ctx, sub.WebhookID, cybs.Replay{Status: cybs.DeliveryFailed, ProductID: tokens, EventType: updated, HoursBack: 24}))
	must("deactivate", c.SetSubscriptionStatus(ctx, sub.WebhookID, cybs.StatusInactive))
	refused("replay while inactive", c.Replay(ctx, sub.WebhookID, cybs.Replay{TraceIDs: []string{"x"}}))
	must("delete", c.DeleteSubscription(ctx, sub.WebhookID))
	_, err = c.GetSubscription(ctx, sub.WebhookID)
	refused("get after delete", err)
}
