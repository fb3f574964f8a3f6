package ui

import (
	"strconv"
	"strings"
)

// CountText is n with thin groups: "12,480". Counts at or above limit are shown as
// "10,000+", since nothing counts further; limit 0 means n is exact.
func CountText(n, limit int64) string {
	if limit > 0 && n >= limit {
		return groupThousands(limit) + "+"
	}
	return groupThousands(n)
}

// BytesText is a size as people read it: "812 B", "2.4 KiB", "1 MiB".
func BytesText(n int64) string {
	const step = 1024
	if n < step {
		return strconv.FormatInt(n, 10) + " B"
	}
	size, units := float64(n)/step, []string{"KiB", "MiB", "GiB", "TiB"}
	i := 0
	for size >= step && i < len(units)-1 {
		size /= step
		i++
	}
	return strings.TrimSuffix(strconv.FormatFloat(size, 'f', 1, 64), ".0") + " " + units[i]
}

func groupThousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	sign := ""
	if s[0] == '-' {
		sign, s = "-", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return sign + s
}

// cutMiddle shortens s to its first and last parts when it has more than about
// twenty characters.
func cutMiddle(s string) (head, tail string, cut bool) {
	r := []rune(s)
	if len(r) <= 20 {
		return s, "", false
	}
	return string(r[:8]), string(r[len(r)-6:]), true
}
