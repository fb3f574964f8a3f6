package embedded

import (
	"bufio"
	"bytes"
	"debug/elf"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

const mebibyte = 1 << 20

// allSettings returns what postgres is started with as name=value, in a stable order.
func (c cluster) allSettings() []string {
	all := c.defaults()
	maps.Copy(all, c.settings)
	list := make([]string, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		list = append(list, name+"="+all[name])
	}
	return list
}

func (c cluster) defaults() map[string]string {
	memory := memoryBytes()
	compression := "on"
	if c.bin.hasLZ4() {
		compression = "lz4"
	}
	return map[string]string{
		// Reached through the socket alone, by those who can enter its directory.
		"listen_addresses":        "",
		"port":                    strconv.Itoa(socketPort),
		"unix_socket_directories": `"` + c.layout.socketDir() + `"`,
		"unix_socket_permissions": "0700",

		// A committed transaction stays committed.
		"fsync":              "on",
		"full_page_writes":   "on",
		"synchronous_commit": "on",
		"wal_compression":    compression,
		"max_wal_size":       "2GB",

		"max_connections":      "100",
		"shared_buffers":       fmt.Sprintf("%dMB", min(max(memory/8/mebibyte, 32), 1024)),
		"effective_cache_size": fmt.Sprintf("%dMB", max(memory/2/mebibyte, 64)),
		"random_page_cost":     "1.1", // what serves a small private database is an SSD or memory
		"jit":                  "off", // compiling costs more than these queries
		"timezone":             "UTC",

		// The log must not repeat stored data: no statements, no row contents in details.
		"logging_collector":                 "off",
		"log_destination":                   "stderr",
		"log_timezone":                      "UTC",
		"log_checkpoints":                   "off",
		"log_error_verbosity":               "terse",
		"log_min_error_statement":           "panic",
		"log_parameter_max_length_on_error": "0",
		"lc_messages":                       "C", // read by lastWords and waitReady
	}
}

// hasLZ4 tells whether the binary was built with lz4, which the npm package's was not.
func (b binaries) hasLZ4() bool {
	f, err := elf.Open(filepath.Join(b.dir, "postgres"))
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // only read
	libraries, err := f.ImportedLibraries()
	return err == nil && slices.ContainsFunc(libraries, func(name string) bool { return strings.HasPrefix(name, "liblz4.") })
}

// memoryBytes returns how much memory this process may use, or 1 GiB where that is not told.
func memoryBytes() int64 {
	memory := int64(1 << 30)
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		lines := bufio.NewScanner(bytes.NewReader(text))
		for lines.Scan() {
			fields := strings.Fields(lines.Text())
			if len(fields) < 2 || fields[0] != "MemTotal:" {
				continue
			}
			if kib, err := strconv.ParseInt(fields[1], 10, 64); err == nil {
				memory = kib << 10
			}
		}
	}
	if text, err := os.ReadFile("/sys/fs/cgroup/memory.max"); err == nil {
		if limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil {
			memory = min(memory, limit)
		}
	}
	return memory
}
