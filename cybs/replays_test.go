package cybs

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestReplayLimitsAreCheckedBeforeSending(t *testing.T) {
	t.Parallel()
	now := vectorNow()
	window := func(start, end time.Duration) Replay {
		return Replay{Status: DeliveryFailed, ProductID: "p", EventType: "e", Start: now.Add(start), End: now.Add(end)}
	}
	back := func(hours int) Replay {
		return Replay{Status: DeliveryRetry, ProductID: "p", EventType: "e", HoursBack: hours}
	}
	both := window(-time.Hour, 0)
	both.HoursBack = 1
	mixed := back(1)
	mixed.TraceIDs = []string{"t"}
	for _, tc := range []struct {
		name   string
		replay Replay
		want   string // empty for none
	}{
		{"trace ids", Replay{TraceIDs: []string{"a", "b"}}, ""},
		{"one empty trace id", Replay{TraceIDs: []string{"a", ""}}, "has an empty one"},
		{"trace ids and a status", mixed, "excludes byDeliveryStatus"},
		{"nothing", Replay{}, "status must be FAILED or RETRY; productId is missing; eventType is missing; startTime is missing"},
		{"24 hours", window(-24*time.Hour, 0), ""},
		{"a moment more", window(-24*time.Hour-time.Millisecond, 0), "at most 24 hours"},
		{"30 days ago", window(-MaxReplayAge, -MaxReplayAge+time.Hour), ""},
		{"a moment before that", window(-MaxReplayAge-time.Millisecond, -MaxReplayAge+time.Hour), "startTime must not be before 2026-12-16T10:15:30Z"},
		{"backwards", window(0, -time.Hour), "after startTime"},
		{"no end", Replay{Status: DeliveryFailed, ProductID: "p", EventType: "e", Start: now}, "endTime is missing"},
		{"24 hours back", back(24), ""},
		{"25 hours back", back(25), "1 to 24"},
		{"hours of the future", back(-1), "1 to 24"},
		{"hours and a window", both, "excludes startTime"},
	} {
		var requests atomic.Int32
		c, _ := newTestClient(t, func(http.ResponseWriter, *http.Request) { requests.Add(1) })
		err := c.Replay(t.Context(), "w", tc.replay)
		if tc.want == "" && (err != nil || requests.Load() != 1) {
			t.Errorf("%s: got %v after %d requests, want it sent", tc.name, err, requests.Load())
		}
		if tc.want != "" && (!errors.Is(err, ErrInvalidArgument) || !strings.Contains(err.Error(), tc.want) || requests.Load() != 0) {
			t.Errorf("%s: got %v after %d requests, want %q and none", tc.name, err, requests.Load(), tc.want)
		}
	}
}

func TestWindowIsWrittenInTheDialect(t *testing.T) {
	t.Parallel()
	at := time.Date(2027, 1, 15, 0, 0, 0, 5e6, time.UTC)
	r := Replay{Status: DeliveryFailed, ProductID: "p", EventType: "e", Start: at, End: at.Add(time.Hour)}
	for layout, want := range map[string]string{
		"":                        `{"byDeliveryStatus":{"status":"FAILED","startTime":"2027-01-15T00:00:00.005Z","endTime":"2027-01-15T01:00:00.005Z","productId":"p","eventType":"e"}}`,
		"2006-01-02 15:04:05.000": `{"byDeliveryStatus":{"status":"FAILED","startTime":"2027-01-15 00:00:00.005","endTime":"2027-01-15 01:00:00.005","productId":"p","eventType":"e"}}`,
	} {
		_, body, _ := sentBy(t, func(cfg *Config) { cfg.Dialect.ReplayTimeLayout = layout }, func(c *Client) error { return c.Replay(t.Context(), "w", r) })
		if body != want {
			t.Errorf("got %s, want %s", body, want)
		}
	}
}

// replayServer answers replays with one status and the subscription with another, and counts the replays.
func replayServer(t *testing.T, replay, subscription int) (*Client, *atomic.Int32) {
	t.Helper()
	var replays atomic.Int32
	c, _ := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/replays") {
			replays.Add(1)
			w.WriteHeader(replay)
			return
		}
		answer(subscription, `{"webhookId":"w"}`)(w, r)
	}, func(cfg *Config) { cfg.MaxAttempts = 1 })
	return c, &replays
}

func TestClientRemembersWhetherReplaysAreOffered(t *testing.T) {
	t.Parallel()
	ids := Replay{TraceIDs: []string{"t"}}
	for _, tc := range []struct {
		name                 string
		replay, subscription int
		offered, known       bool
		want                 error
	}{
		{"done", 200, 200, true, true, nil},
		{"done without a body", 204, 200, true, true, nil},
		{"one is running", 409, 200, true, true, ErrAlreadyExists},
		{"refused", 400, 200, true, true, nil},
		{"not there, but the subscription is", 404, 200, false, true, ErrNotOffered},
		{"neither is there", 404, 404, false, false, ErrNotFound},
		{"not there, and the subscription cannot be read", 404, 500, false, false, ErrNotFound},
		{"method not allowed", 405, 200, false, true, ErrNotOffered},
		{"gone", 410, 200, false, true, ErrNotOffered},
		{"not authorized", 401, 200, false, false, ErrUnauthorized},
		{"out of order", 502, 200, false, false, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, replays := replayServer(t, tc.replay, tc.subscription)
			err := c.Replay(t.Context(), "w", ids)
			if (err == nil) != (tc.replay < 300) || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("got %v, want %v", err, tc.want)
			}
			if offered, known := c.ReplaysOffered(); offered != tc.offered || known != tc.known {
				t.Errorf("got %v, %v, want %v, %v", offered, known, tc.offered, tc.known)
			}
			second := c.Replay(t.Context(), "w", ids)
			want := int32(2)
			if errors.Is(tc.want, ErrNotOffered) {
				want = 1
			}
			if replays.Load() != want || (second == nil) != (err == nil) || errors.Is(second, ErrNotOffered) != errors.Is(err, ErrNotOffered) {
				t.Errorf("got %d requests and %v, want %d and the same", replays.Load(), second, want)
			}
		})
	}
}

func TestProbeAsksOnce(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		replay, subscription int
		offered              bool
		want                 error
		requests             int32
	}{
		{202, 200, true, nil, 1}, {400, 200, true, nil, 1}, {404, 200, false, nil, 1}, {404, 404, false, ErrNotFound, 2}, {401, 200, false, ErrUnauthorized, 2},
	} {
		c, replays := replayServer(t, tc.replay, tc.subscription)
		for range 2 {
			offered, err := c.ProbeReplays(t.Context(), "w")
			if offered != tc.offered || !errors.Is(err, tc.want) {
				t.Errorf("%d, %d: got %v, %v, want %v, %v", tc.replay, tc.subscription, offered, err, tc.offered, tc.want)
			}
		}
		if replays.Load() != tc.requests {
			t.Errorf("%d, %d: got %d requests, want %d", tc.replay, tc.subscription, replays.Load(), tc.requests)
		}
	}
	c, _ := replayServer(t, 200, 200)
	if _, err := c.ProbeReplays(t.Context(), ".."); !errors.Is(err, ErrInvalidArgument) {
		t.Errorf("got %v, want ErrInvalidArgument", err)
	}
}
