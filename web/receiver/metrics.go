package receiver

import (
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/switchboardhq/switchboard/store"
)

// metrics counts. All labels come from fixed sets: reasons, causes and statuses are words of this package.
type metrics struct {
	deliveries *prometheus.CounterVec
	verified   prometheus.Counter // of deliveries: the one that is hot
	duplicates prometheus.Counter
	blanked    prometheus.Counter
	refusals   *prometheus.CounterVec
	pings      *prometheus.CounterVec
	batch      prometheus.Histogram
	commit     prometheus.Histogram
	answer     prometheus.Histogram
	tokens     *prometheus.CounterVec // the token server's answers

	issuerFails     prometheus.Counter
	registry        prometheus.Registerer
	certificateEnds prometheus.Gauge // these two are registered by a door with TLS of its own
	renewalFails    prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer, queueLength, groupingLag, groupingStalled func() float64) (*metrics, error) {
	if registry == nil {
		registry = prometheus.NewRegistry()
	}
	seconds := prometheus.ExponentialBuckets(0.0005, 2, 15) // half a millisecond to eight seconds
	m := &metrics{
		registry: registry,
		tokens:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "switchboard_token_requests_total", Help: "Requests for a token, by outcome: issued, unavailable, or why it was refused."}, []string{"outcome"}),

		issuerFails:     prometheus.NewCounter(prometheus.CounterOpts{Name: "switchboard_issuer_key_failures_total", Help: "Failed fetches of an external token issuer's keys."}),
		certificateEnds: prometheus.NewGauge(prometheus.GaugeOpts{Name: "switchboard_receiver_certificate_not_after_seconds", Help: "When the receiver's TLS certificate ends, in seconds since 1970."}),
		renewalFails:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "switchboard_receiver_certificate_renewal_failing", Help: "1 while the receiver's TLS files cannot be used and a former certificate goes on."}),
		deliveries:      prometheus.NewCounterVec(prometheus.CounterOpts{Name: "switchboard_deliveries_total", Help: "Deliveries answered after storing, by verdict and reason."}, []string{"verdict", "reason"}),
		duplicates:      prometheus.NewCounter(prometheus.CounterOpts{Name: "switchboard_delivery_duplicates_total", Help: "Deliveries equal to one that was stored before."}),
		blanked:         prometheus.NewCounter(prometheus.CounterOpts{Name: "switchboard_security_codes_removed_total", Help: "Security codes and magnetic stripe data that were removed from deliveries before these were stored."}),
		refusals:        prometheus.NewCounterVec(prometheus.CounterOpts{Name: "switchboard_requests_refused_total", Help: "Requests answered without storing, by cause."}, []string{"cause"}),
		pings:           prometheus.NewCounterVec(prometheus.CounterOpts{Name: "switchboard_health_pings_total", Help: "Health pings by answer."}, []string{"answered"}),
		batch:           prometheus.NewHistogram(prometheus.HistogramOpts{Name: "switchboard_commit_batch_size", Help: "Deliveries that shared a transaction.", Buckets: []float64{1, 2, 4, 8, 16, 32, 64, 128, 256}}),
		commit:          prometheus.NewHistogram(prometheus.HistogramOpts{Name: "switchboard_commit_seconds", Help: "Time to commit a batch.", Buckets: seconds}),
		answer:          prometheus.NewHistogram(prometheus.HistogramOpts{Name: "switchboard_answer_seconds", Help: "Time from a delivery's first byte after the headers to its answer.", Buckets: seconds}),
	}
	m.verified = m.deliveries.WithLabelValues(string(store.Verified), "")
	waiting := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "switchboard_queue_length", Help: "Deliveries that wait for a commit."}, queueLength)
	lag := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "switchboard_grouping_lag_seconds", Help: "How far the making of notifications is behind the receiving of deliveries."}, groupingLag)
	stalled := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "switchboard_grouping_stalled_seconds", Help: "For how long the making of notifications has made no progress although it tries; 0 when it does."}, groupingStalled)
	for _, c := range []prometheus.Collector{m.deliveries, m.duplicates, m.blanked, m.refusals, m.pings, m.batch, m.commit, m.answer, m.tokens, m.issuerFails, waiting, lag, stalled} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register receiver metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) registerTLS() error {
	for _, c := range []prometheus.Collector{m.certificateEnds, m.renewalFails} {
		if err := m.registry.Register(c); err != nil {
			return fmt.Errorf("register TLS metrics: %w", err)
		}
	}
	return nil
}

func (m *metrics) answered(d *store.Delivery, stored bool, took time.Duration) {
	m.answer.Observe(took.Seconds())
	switch {
	case !stored:
		m.duplicates.Inc()
	case d.Verdict == store.Verified:
		m.verified.Inc()
	default:
		m.deliveries.WithLabelValues(string(d.Verdict), d.Reason).Inc()
	}
}

func (m *metrics) refused(cause string) { m.refusals.WithLabelValues(cause).Inc() }

func (m *metrics) committed(size int, took time.Duration) {
	m.batch.Observe(float64(size))
	m.commit.Observe(took.Seconds())
}
