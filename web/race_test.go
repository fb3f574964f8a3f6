//go:build race

package web_test

import "time"

// longestPage is generous: the race detector makes everything about ten times slower.
const longestPage = 10 * time.Second
