package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
)

// maxReplayIDs bounds one request of the withdrawn replay call. No bound was
// published; those of time are cybs.MaxReplayWindow and cybs.MaxReplayAge.
const maxReplayIDs = 1000

// replayRequest is the body of the replay call: one of its members.
type replayRequest struct {
	TraceIDs *[]string     `json:"byTransactionTraceIdentifiers"`
	ByStatus *replayFilter `json:"byDeliveryStatus"`
}

type replayFilter struct {
	Status    string `json:"status"`
	StartTime string `json:"startTime"`
	EndTime   string `json:"endTime"`
	HoursBack *int   `json:"hoursBack"`
	ProductID string `json:"productId"`
	EventType string `json:"eventType"`
}

// replay answers POST /nrtf/v1/webhooks/{webhookId}/replays: what was asked for
// is sent again by and by, and the answer has no body. One replay runs at a time
// for each owner of a key. Trace ids that nobody knows are passed over.
func (s *Sandbox) replay(c *call) error {
	var req replayRequest
	if err := s.decode(c.body, &req); err != nil {
		return err
	}
	pick, bad := s.replayPick(req)
	if len(bad) > 0 {
		return s.badRequest("One or more fields are missing or invalid.", bad...)
	}
	if err := s.startReplay(c, pick); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusOK)
	return nil
}

// picker tells whether a notification is to be replayed. An ended one was either
// delivered or failed; others are retrying.
type picker func(m *message, at time.Time, retrying, failed bool) bool

func (s *Sandbox) replayPick(req replayRequest) (picker, []fieldError) {
	switch {
	case req.TraceIDs == nil && req.ByStatus == nil:
		return nil, []fieldError{{"byTransactionTraceIdentifiers", reasonMissing}}
	case req.TraceIDs != nil && req.ByStatus != nil:
		return nil, []fieldError{{"byDeliveryStatus", reasonInvalid}}
	case req.TraceIDs != nil:
		ids := *req.TraceIDs
		if len(ids) == 0 || len(ids) > maxReplayIDs || slices.Contains(ids, "") {
			return nil, []fieldError{{"byTransactionTraceIdentifiers", reasonInvalid}}
		}
		return func(m *message, _ time.Time, _, _ bool) bool {
			return slices.ContainsFunc(m.Traces, func(id string) bool { return slices.Contains(ids, id) })
		}, nil
	}
	f := *req.ByStatus
	from, to, bad := s.replayWindow(f)
	if f.Status == "" {
		bad = append(bad, fieldError{"byDeliveryStatus.status", reasonMissing})
	} else if f.Status != "FAILED" && f.Status != "RETRY" {
		bad = append(bad, fieldError{"byDeliveryStatus.status", reasonInvalid})
	}
	return func(m *message, at time.Time, retrying, failed bool) bool {
		return (f.Status == "RETRY" && retrying || f.Status == "FAILED" && failed) &&
			!at.Before(from) && !at.After(to) &&
			(f.ProductID == "" || f.ProductID == m.ProductID) && (f.EventType == "" || f.EventType == m.EventType)
	}, bad
}

// replayWindow is the time asked for: start to end, or so many hours back.
func (s *Sandbox) replayWindow(f replayFilter) (from, to time.Time, bad []fieldError) {
	const prefix = "byDeliveryStatus."
	now := s.cfg.Now()
	if f.StartTime == "" && f.EndTime == "" {
		hours := 24
		if f.HoursBack != nil {
			hours = *f.HoursBack
		}
		if hours < 1 || hours > 24 {
			return from, to, []fieldError{{prefix + "hoursBack", reasonInvalid}}
		}
		return now.Add(-time.Duration(hours) * time.Hour), now, nil
	}
	if f.HoursBack != nil {
		bad = append(bad, fieldError{prefix + "hoursBack", reasonInvalid})
	}
	for _, side := range []struct {
		name, text string
		to         *time.Time
	}{{"startTime", f.StartTime, &from}, {"endTime", f.EndTime, &to}} {
		t, ok := parseReplayTime(side.text)
		switch *side.to = t; {
		case side.text == "":
			bad = append(bad, fieldError{prefix + side.name, reasonMissing})
		case !ok:
			bad = append(bad, fieldError{prefix + side.name, reasonInvalid})
		}
	}
	switch {
	case len(bad) > 0:
	case from.Before(now.Add(-cybs.MaxReplayAge)):
		bad = append(bad, fieldError{prefix + "startTime", reasonInvalid})
	case to.Before(from), to.Sub(from) > cybs.MaxReplayWindow:
		bad = append(bad, fieldError{prefix + "endTime", reasonInvalid})
	}
	return from, to, bad
}

// parseReplayTime reads the documented form, that of the examples, and that of
// the specification. Without a zone it is UTC.
func parseReplayTime(text string) (time.Time, bool) {
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", time.RFC3339} {
		if t, err := time.Parse(layout, strings.TrimSpace(text)); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// startReplay sends what is picked: notifications that ended as new messages,
// retrying ones at once.
func (s *Sandbox) startReplay(c *call, pick picker) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub, err := s.find(c)
	switch {
	case err != nil:
		return err
	case sub.Status != statusActive:
		return s.badRequest("The webhook is " + string(sub.Status) + ".")
	case s.runs[c.who.Owner] > 0:
		p := s.badRequest("A replay is in progress")
		p.status = s.cfg.API.ReplayBusyStatusCode
		return p
	}
	var list []*message
	for _, e := range s.history.list {
		if e.WebhookID == sub.ID && pick(&e.message, e.at, false, !e.delivered) {
			s.sequence++
			list = append(list, &message{
				ID: newID(), Sequence: s.sequence, WebhookID: sub.ID, ProductID: e.ProductID, EventType: e.EventType,
				EventDate: e.EventDate, Payload: e.Payload, TraceID: newTraceID(), State: stateQueued,
			})
		}
	}
	if len(s.messages)+len(list) > s.cfg.Limits.Pending {
		return s.badRequest("Too many notifications wait")
	}
	for _, m := range s.sortedMessages() {
		if m.WebhookID == sub.ID && m.State == stateRetrying && pick(m, m.FirstAt, true, false) {
			m.State = stateQueued // the timer of its retry finds nothing to do
			list = append(list, m)
		}
	}
	for _, m := range list {
		m.Replayed, m.run = true, c.who.Owner
		s.runs[m.run]++
		s.messages[m.ID] = m
		s.work.put(m)
	}
	s.notify()
	return nil
}

// replayed notes that the attempt at a replayed message was made. The caller
// holds mu.
func (s *Sandbox) replayed(m *message) {
	if m.run == "" {
		return
	}
	if s.runs[m.run]--; s.runs[m.run] <= 0 {
		delete(s.runs, m.run)
	}
	m.run = ""
}
