package conformance

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

// How long one run of an SDK may take.
const patience = 3 * time.Minute

// The pinned versions, by the directory they are installed under.
var pinned = map[string]string{"cybersource-rest-client": "0.0.83", "cybersource-rest-client-old": "0.0.65"}

// line is what drive.cjs prints for one operation.
type line struct {
	Operation string          `json:"operation"`
	Status    int             `json:"status"`
	Data      json.RawMessage `json:"data"` // what the SDK parsed
	Body      string          `json:"body"`
	Error     string          `json:"error"`
}

// want is what an operation must come to.
type want struct {
	operation string
	status    int
	// parsed stands in what the SDK made of the answer, as compact JSON.
	parsed []string
	// body stands in the answer itself, for errors and answers that the SDK does not parse.
	body []string
}

func currentSDK() []want {
	return []want{
		{"products", 200, []string{`"productId":"tokenManagement"`, `"eventName":"tms.networktoken.updated"`, `"payloadEncryption":false`}, nil},
		{"keys-sym-create", 201, []string{`"status":"SUCCESS"`, `"keyType":"sharedSecret"`, `"keyId":"`, `"expirationDate":"`}, nil},
		{"keys-sym-store", 201, []string{`"keyType":"oAuthClientCredentials"`, `"clientKeyId":"client"`, `"key":"secret"`}, nil},
		{"keys-asym-store", 201, []string{`"status":"SUCCESS"`}, []string{`"keyType":"publickey"`, `"keyId":"`}},
		{"create", 201, []string{`"webhookId":"`, `"name":"Conformance"`, `"notificationScope":"SELF"`, `"numberOfRetries":3`}, nil},
		{"create-again", 400, nil, []string{"Record already exists"}},
		{"list", 200, []string{`"products":[{"productId":"tokenManagement"`}, nil},
		{"list-filtered", 200, []string{`"webhookUrl":"`}, nil},
		{"list-none", 404, nil, []string{`"reason":"NOT_FOUND"`}},
		{"get", 200, []string{`"webhookId":"`, `"securityType":"KEY"`}, nil},
		{"get-unknown", 404, nil, []string{"id with/slash é not found"}},
		{"update", 200, []string{`"name":"Renamed"`, `"updatedOn":"`}, nil},
		{"status-active", 200, nil, []string{`"ACTIVE"`}},
		{"test", 201, []string{`"eventType":"tms.networktoken.provisioned"`, `"testPayload":{"message":"Yay!`, `"transactionTraceId":"`}, nil},
		{"status-inactive", 200, nil, []string{`"INACTIVE"`}},
		// The SDK signs the digest "undefined" then; with a token it sends no digest.
		{"update-without-body", 0, nil, nil},
		{"delete", 200, nil, []string{"successfully deleted"}},
		{"get-deleted", 404, nil, []string{`"reason":"NOT_FOUND"`}},
	}
}

func oldSDK() []want {
	return []want{
		{"products", 200, []string{`"productId":"tokenManagement"`}, nil},
		{"keys-sym-create", 201, []string{`"keyType":"sharedSecret"`, `"keyId":"`}, nil},
		{"keys-asym-store", 201, nil, []string{`"keyType":"publickey"`}},
		{"create", 201, []string{`"webhookId":"`, `"productId":"tokenManagement"`}, []string{`"eventTypes":["tms.networktoken.provisioned"`}},
		{"list", 200, []string{`"webhookId":"`}, nil},
		{"get", 200, []string{`"name":"Conformance"`}, nil},
		{"update", 200, nil, nil},
		{"replay-hours-back", 200, nil, nil},
		{"replay-window", 200, nil, nil},
		{"replay-trace-ids", 200, nil, nil},
		{"delete", 200, nil, nil},
	}
}

func TestCurrentSDKDrivesEveryOperation(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http_signature", "jwt_shared_secret", "jwt_p12"} {
		for _, meta := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s meta key %v", scheme, meta), func(t *testing.T) {
				t.Parallel()
				h := newHouse(t)
				lines := h.drive(t, "current", scheme, meta)
				judge(t, lines, currentSDK())
				h.checkTestDelivery(t, lines)
			})
		}
	}
}

func TestOldSDKDrivesVersion1AndReplays(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http_signature", "jwt_p12"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t)
			judge(t, h.drive(t, "old", scheme, false), oldSDK())
			if first, second := h.receiver.next(t), h.receiver.next(t); first.Header.Get(cybs.HeaderRequestType) != "NEW" ||
				second.Header.Get(cybs.HeaderRequestType) != "REPLAY" || payload(t, first) != payload(t, second) {
				t.Errorf("delivered %s, then replayed %s", first.Body, second.Body)
			}
		})
	}
}

// judge compares operation by operation.
func judge(t *testing.T, lines []line, wanted []want) {
	t.Helper()
	if len(lines) != len(wanted) {
		t.Errorf("%d operations were driven, want %d", len(lines), len(wanted))
	}
	for i, l := range lines {
		if i == len(wanted) {
			break
		}
		w := wanted[i]
		if l.Operation == "update-without-body" && w.status == 0 {
			if l.Status != 400 && l.Status != 401 {
				t.Errorf("%s: got %d %s, want 400 or 401", l.Operation, l.Status, l.Body)
			}
			continue
		}
		if l.Operation != w.operation || l.Status != w.status {
			t.Errorf("got %s with %d (%s) %s, want %s with %d", l.Operation, l.Status, l.Error, l.Body, w.operation, w.status)
			continue
		}
		if failed := w.status >= 400; failed != (l.Error != "") {
			t.Errorf("%s: the SDK says %q after %d", l.Operation, l.Error, l.Status)
		}
		for _, part := range w.parsed {
			if !strings.Contains(string(l.Data), part) {
				t.Errorf("%s: the SDK made %s of the answer, which lacks %s", l.Operation, l.Data, part)
			}
		}
		for _, part := range w.body {
			if !strings.Contains(strings.ReplaceAll(l.Body, `\"`, `"`), part) {
				t.Errorf("%s: answer %s lacks %s", l.Operation, l.Body, part)
			}
		}
	}
}

// checkTestDelivery verifies what the test call sent with the key that the SDK was given.
func (h *house) checkTestDelivery(t *testing.T, lines []line) {
	t.Helper()
	var key struct {
		KeyInformation struct{ KeyID, Key string }
	}
	for _, l := range lines {
		if l.Operation == "keys-sym-create" {
			if err := json.Unmarshal(l.Data, &key); err != nil {
				t.Fatal(err)
			}
		}
	}
	secret, err := cybs.ParseSecret(key.KeyInformation.Key)
	if err != nil {
		t.Fatal(err)
	}
	got := h.receiver.next(t)
	v, err := cybs.Verify(cybs.VerifyInput{
		Signature: got.Header.Get(cybs.HeaderSignature), Body: got.Body, Now: time.Now(),
		LookupKey: func(id string) (cybs.Key, bool) {
			return cybs.Key{ID: id, Secret: secret}, id == key.KeyInformation.KeyID
		},
	})
	if err != nil || v.Variant != cybs.VariantBody {
		t.Errorf("test delivery: %v, signature covers %s", err, v.Variant)
	}
}

func payload(t *testing.T, got received) string {
	t.Helper()
	n, err := cybs.ParseNotification(got.Header, got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(n.Payload)
}

// job is the input of drive.cjs.
type job struct {
	SDK            string         `json:"sdk"`
	Config         map[string]any `json:"config"`
	OrganizationID string         `json:"organizationId"`
	Receiver       string         `json:"receiver"`
	Certificate    string         `json:"certificate"`
	Origin         string         `json:"origin"`
}

// drive runs an SDK. With a meta key the portfolio signs for a merchant below it.
func (h *house) drive(t *testing.T, sdk, scheme string, meta bool) []line {
	t.Helper()
	checkInstalled(t)
	merchant := h.vectors.MerchantID
	config := map[string]any{
		"runEnvironment": h.host, "merchantID": merchant, "logConfiguration": map[string]any{"enableLog": false},
		"merchantKeyId": h.vectors.KeyID, "merchantsecretKey": h.vectors.SecretBase64,
		"keysDirectory": h.dir, "keyFileName": "credentials", "keyAlias": merchant, "keyPass": h.vectors.P12.Password,
		"timeout": "10000",
	}
	switch scheme {
	case "http_signature":
		config["authenticationType"] = "http_signature"
	case "jwt_shared_secret":
		config["authenticationType"], config["jwtKeyType"] = "jwt", "SHARED_SECRET"
	case "jwt_p12":
		config["authenticationType"] = "jwt"
	}
	if meta {
		config["useMetaKey"], config["portfolioID"], config["merchantID"] = true, merchant, childMerchant
		merchant = childMerchant
	}
	text, err := json.Marshal(job{
		SDK: sdk, Config: config, OrganizationID: merchant, Receiver: h.receiver.URL, Certificate: h.mle, Origin: "https://" + h.host,
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(h.dir, "job.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return run(t, file, h.ca)
}

// run starts Node and reads its lines.
func run(t *testing.T, file, ca string) []line {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "drive.cjs", file)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+ca)
	if err := cmd.Run(); err != nil {
		t.Fatalf("node drive.cjs: %v\n%s\n%s", err, complaints.String(), out.String())
	}
	var lines []line
	for text := range strings.Lines(out.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			continue // the SDKs print notices of their own
		}
		lines = append(lines, l)
	}
	return lines
}

// checkInstalled fails the test unless the pinned SDKs are there.
func checkInstalled(t *testing.T) {
	t.Helper()
	const how = "install them: cd e2e/conformance && npm ci --ignore-scripts"
	if _, err := exec.LookPath("node"); err != nil {
		t.Fatalf("the official SDKs need Node 20 or newer (%v)", err)
	}
	for name, version := range pinned {
		b, err := os.ReadFile(filepath.Join("node_modules", name, "package.json"))
		if err != nil {
			t.Fatalf("the official SDKs are missing (%v); %s", err, how)
		}
		var module struct{ Version string }
		if err := json.Unmarshal(b, &module); err != nil || module.Version != version {
			t.Fatalf("%s is version %q, want %s; %s", name, module.Version, version, how)
		}
	}
}

// certificateText is a certificate as keys-asym takes it.
func certificateText(t *testing.T, certificatePEM string) string {
	t.Helper()
	block, _ := pem.Decode([]byte(certificatePEM))
	if block == nil {
		t.Fatal("the vectors hold no certificate")
	}
	return base64.StdEncoding.EncodeToString(block.Bytes)
}
