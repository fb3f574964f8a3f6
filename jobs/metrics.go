package jobs

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics counts what upkeep does. Labels are names of tables.
type metrics struct {
	dropped      prometheus.Counter
	rows         *prometheus.CounterVec
	purgedBefore prometheus.Gauge
	strays       prometheus.Gauge
}

func newMetrics(registry prometheus.Registerer) (*metrics, error) {
	if registry == nil {
		registry = prometheus.NewRegistry()
	}
	m := &metrics{
		dropped:      prometheus.NewCounter(prometheus.CounterOpts{Name: "switchboard_retention_partitions_dropped_total", Help: "Weekly partitions that retention dropped."}),
		rows:         prometheus.NewCounterVec(prometheus.CounterOpts{Name: "switchboard_retention_rows_deleted_total", Help: "Rows that retention deleted outside partitions, by table."}, []string{"table"}),
		purgedBefore: prometheus.NewGauge(prometheus.GaugeOpts{Name: "switchboard_retention_purged_before_seconds", Help: "Unix time before which retention has removed everything; 0 before this process did."}),
		strays:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "switchboard_partition_stray_rows", Help: "Rows outside all weekly partitions, up to 1000 of each table."}),
	}
	for _, c := range []prometheus.Collector{m.dropped, m.rows, m.purgedBefore, m.strays} {
		if err := registry.Register(c); err != nil {
			return nil, fmt.Errorf("register job metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) deleted(counts map[string]int64) {
	for table, n := range counts {
		m.rows.WithLabelValues(table).Add(float64(n))
	}
}
