package sandbox_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/cybs/sandbox"
)

func TestEachFaultProducesWhatItSays(t *testing.T) {
	t.Parallel()
	// What a verifier says of each; nil is verified.
	verdicts := map[sandbox.Fault]error{
		sandbox.FaultBadSignature:       cybs.ErrSignatureMismatch,
		sandbox.FaultMissingSignature:   cybs.ErrSignatureMissing,
		sandbox.FaultMalformedSignature: cybs.ErrSignatureMalformed,
		sandbox.FaultUnknownKey:         cybs.ErrKeyUnknown,
		sandbox.FaultReplacedKey:        cybs.ErrKeyUnknown, // the test knows the newest key only
		sandbox.FaultStaleTimestamp:     cybs.ErrTimestampTooOld,
		sandbox.FaultFutureTimestamp:    cybs.ErrTimestampTooNew,
		sandbox.FaultTamperedBody:       cybs.ErrSignatureMismatch,
		sandbox.FaultReencodedBody:      nil, // the payload is found again by compacting it
		sandbox.FaultDuplicate:          nil,
		sandbox.FaultNotJSON:            nil,
		sandbox.FaultWrongContentType:   nil,
		sandbox.FaultOversized:          nil,
		sandbox.FaultTruncated:          cybs.ErrSignatureMismatch,
		sandbox.FaultOutOfOrder:         nil, // these have tests of their own
		sandbox.FaultBurst:              nil,
		sandbox.FaultSlowSender:         nil,
		sandbox.FaultByteOrderMark:      cybs.ErrSignatureMismatch,
		sandbox.FaultLineEnd:            cybs.ErrSignatureMismatch,
		sandbox.FaultEscapedBody:        cybs.ErrSignatureMismatch,
		sandbox.FaultCharset:            cybs.ErrSignatureMismatch,
		sandbox.FaultCompressed:         cybs.ErrSignatureMismatch,
		sandbox.FaultNoTimestamp:        cybs.ErrSignatureMismatch,
		sandbox.FaultKeyText:            cybs.ErrSignatureMismatch,
		sandbox.FaultSwappedKey:         cybs.ErrSignatureMismatch,
		sandbox.FaultLostAttempt:        nil, // the retry
		sandbox.FaultLostAnswer:         nil,
	}
	for _, fault := range sandbox.Faults() {
		t.Run(string(fault), func(t *testing.T) {
			t.Parallel()
			want, ok := verdicts[fault]
			if !ok {
				t.Fatal("no expectation for this fault")
			}
			h := newHouse(t, func(c *sandbox.Config) { c.Delivery.SlowSendTime = time.Millisecond })
			key, err := h.client.CreateSignatureKey(t.Context(), h.key.OrganizationID, cybs.SignatureKeyOptions{})
			if err != nil {
				t.Fatal(err)
			}
			h.key = key
			h.subscribe(t)
			h.emit(t, sandbox.EventRequest{Fault: fault})
			got := h.receiver.next(t)
			if _, err := h.verify(got); !errors.Is(err, want) {
				t.Errorf("verify says %v, want %v", err, want)
			}
			switch fault {
			case sandbox.FaultDuplicate:
				again := h.receiver.next(t)
				if !bytes.Equal(got.Body, again.Body) || got.Header.Get(cybs.HeaderSignature) != again.Header.Get(cybs.HeaderSignature) {
					t.Error("the second request differs from the first")
				}
			case sandbox.FaultNotJSON:
				if json.Valid(got.Body) {
					t.Errorf("body is JSON: %s", got.Body)
				}
			case sandbox.FaultTamperedBody, sandbox.FaultReencodedBody, sandbox.FaultLineEnd, sandbox.FaultEscapedBody:
				if !json.Valid(got.Body) {
					t.Errorf("body is no JSON: %s", got.Body)
				}
			case sandbox.FaultWrongContentType:
				if ct := got.Header.Get("Content-Type"); ct != "text/plain" {
					t.Errorf("content type %q", ct)
				}
			case sandbox.FaultOversized:
				if len(got.Body) <= 1<<20 {
					t.Errorf("body has only %d bytes", len(got.Body))
				}
			case sandbox.FaultTruncated:
				if !strings.HasSuffix(string(got.Body), "(broken off)") {
					t.Error("body was whole")
				}
			}
		})
	}
}

func TestFaultsAreSentOnceUnlessRetriesAreAskedFor(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.subscribe(t)
	h.receiver.answer(always(http.StatusUnauthorized))
	h.emit(t, sandbox.EventRequest{Fault: sandbox.FaultBadSignature})
	h.Await(t, "the one attempt", func() bool {
		return slices.Equal(h.outcomes(sub.WebhookID), []sandbox.Outcome{sandbox.OutcomeFaulted})
	})
	if st, _ := h.State(sub.WebhookID); st.Queued+st.Retrying+st.Held != 0 {
		t.Errorf("%+v: a fault waits to be sent again", st)
	}
	h.emit(t, sandbox.EventRequest{Fault: sandbox.FaultBadSignature, Retry: true})
	h.Await(t, "four attempts more", func() bool { return len(h.outcomes(sub.WebhookID)) == 5 })
}

func TestReplacedKeyNeedsOne(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.subscribe(t)
	h.emit(t, sandbox.EventRequest{Fault: sandbox.FaultReplacedKey})
	h.Await(t, "the dropped event", func() bool {
		return slices.Equal(h.outcomes(sub.WebhookID), []sandbox.Outcome{sandbox.OutcomeDropped})
	})
}

func TestEmitRefusesNonsense(t *testing.T) {
	t.Parallel()
	h := newHouse(t, func(c *sandbox.Config) { c.Limits.Pending = 2 })
	h.subscribe(t)
	for name, c := range map[string]struct {
		req  sandbox.EventRequest
		want error
	}{
		"unknown fault":        {sandbox.EventRequest{ProductID: tokens, Fault: "frogs"}, sandbox.ErrUnknownFault},
		"unknown event":        {sandbox.EventRequest{ProductID: tokens, EventType: "tms.frogs"}, sandbox.ErrUnknownEvent},
		"unknown organization": {sandbox.EventRequest{ProductID: tokens, OrganizationID: "nobody"}, sandbox.ErrUnknownOrganization},
		"broken data":          {sandbox.EventRequest{ProductID: tokens, Data: json.RawMessage("{")}, sandbox.ErrInvalidEvent},
		"too many":             {sandbox.EventRequest{ProductID: tokens, Count: 1001}, sandbox.ErrInvalidEvent},
		"full queue":           {sandbox.EventRequest{ProductID: tokens, EventType: updated, Count: 3}, sandbox.ErrQueueFull},
	} {
		if _, err := h.Emit(t.Context(), c.req); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
}

func TestGivenDataIsSentAsItIs(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.subscribe(t)
	data := `{"big":123456789012345678901234567890,"text":"<b>&\u00e9é</b>","deep":[[[{}]]]}`
	h.emit(t, sandbox.EventRequest{ProductID: tokens, EventType: updated, Data: json.RawMessage(data)})
	got := h.receiver.next(t)
	if !strings.Contains(string(got.Body), `"data":`+data) {
		t.Errorf("body %s does not hold %s", got.Body, data)
	}
	if _, err := h.verify(got); err != nil {
		t.Error(err)
	}
}

func TestOutOfOrderSendsTheNewestFirst(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.subscribe(t)
	made := h.emit(t, sandbox.EventRequest{Fault: sandbox.FaultOutOfOrder, Count: 5}).TraceIDs
	if len(made) != 5 {
		t.Fatalf("%d were made, want 5", len(made))
	}
	slices.Reverse(made)
	last := ""
	for i, want := range made {
		got := h.receiver.next(t)
		n, err := cybs.ParseNotification(got.Header, got.Body)
		if err != nil {
			t.Fatal(err)
		}
		if n.TransactionTraceID != want {
			t.Errorf("number %d is %s, want %s", i, n.TransactionTraceID, want)
		}
		if last != "" && n.EventDate >= last {
			t.Errorf("event of %s came after that of %s", n.EventDate, last)
		}
		last = n.EventDate
	}
	if made := h.emit(t, sandbox.EventRequest{Fault: sandbox.FaultOutOfOrder}).TraceIDs; len(made) != 3 {
		t.Errorf("%d were made, want 3", len(made))
	}
	for range 3 {
		h.receiver.next(t)
	}
}

func TestOutOfOrderGoesOnWhenOneFailsAndAfterARestart(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	sub := h.subscribe(t)
	h.receiver.answer(always(http.StatusInternalServerError))
	h.emit(t, sandbox.EventRequest{Fault: sandbox.FaultOutOfOrder})
	for range 3 {
		h.receiver.next(t)
	}
	h.Await(t, "three faulted", func() bool { return len(h.outcomes(sub.WebhookID)) == 3 })
	stop(t, h.Server)
	h.emit(t, sandbox.EventRequest{Fault: sandbox.FaultOutOfOrder})
	if err := h.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		h.receiver.next(t)
	}
}

func TestBurstSendsAllAtTheSameMoment(t *testing.T) {
	t.Parallel()
	const size = 40 // five times the workers there are
	h := newHouse(t)
	h.subscribe(t)
	all := newBarrier(size)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		all.wait() // nobody is answered before all have come
		w.WriteHeader(http.StatusOK)
	}))
	t.Cleanup(server.Close)
	sub := h.subscribe(t, func(in *cybs.SubscriptionInput) {
		in.Products = []cybs.SubscribedProduct{{ProductID: "eCheck", EventTypes: []string{"payments.voids.failed"}}}
		in.WebhookURL = server.URL
	})
	h.emit(t, sandbox.EventRequest{ProductID: "eCheck", EventType: "payments.voids.failed", Fault: sandbox.FaultBurst, Count: size})
	h.Await(t, "the whole burst", func() bool { return len(h.outcomes(sub.WebhookID)) == size })
	for _, o := range h.outcomes(sub.WebhookID) {
		if o != sandbox.OutcomeDelivered {
			t.Errorf("one was %s", o)
		}
	}
	if made := h.emit(t, sandbox.EventRequest{Fault: sandbox.FaultBurst}).TraceIDs; len(made) != 50 {
		t.Errorf("a burst is %d, want 50", len(made))
	}
	for range 50 {
		h.receiver.next(t)
	}
}

// barrier lets nobody through before all have come.
type barrier struct{ all sync.WaitGroup }

func newBarrier(n int) *barrier {
	b := &barrier{}
	b.all.Add(n)
	return b
}

func (b *barrier) wait() {
	b.all.Done()
	b.all.Wait()
}

func TestSlowSenderSendsItsBodyInPieces(t *testing.T) {
	t.Parallel()
	const whole = 100 * time.Millisecond
	h := newHouse(t, func(c *sandbox.Config) { c.Delivery.SlowSendTime, c.DeliveryTimeout = whole, 5*time.Second })
	pieces := make(chan int, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := 0
		for buf := make([]byte, 1<<16); ; n++ {
			if _, err := r.Body.Read(buf); err != nil {
				break
			}
		}
		select {
		case pieces <- n:
		default:
		}
		w.WriteHeader(http.StatusOK)
	}))
	t.Cleanup(server.Close)
	sub := h.subscribe(t, func(in *cybs.SubscriptionInput) { in.WebhookURL = server.URL })
	h.emit(t, sandbox.EventRequest{Fault: sandbox.FaultSlowSender})
	if n := <-pieces; n < 2 { // a busy machine may read several as one
		t.Errorf("the body came in %d pieces", n)
	}
	h.Await(t, "the delivery", func() bool {
		list := h.Deliveries(sandbox.DeliveryQuery{WebhookID: sub.WebhookID, Kind: sandbox.KindNotification})
		return len(list) == 1 && list[0].Outcome == sandbox.OutcomeDelivered && list[0].Duration >= whole*9/10
	})
}
