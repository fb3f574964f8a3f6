package main

import (
	"strings"
	"testing"
)

func TestPlainHTTPIsForThisMachineAndTheSandbox(t *testing.T) {
	t.Parallel()
	for _, variable := range []string{"CONSOLE_URL", "RECEIVER_URL", "CYBS_BASE_URL"} {
		for value, fine := range map[string]bool{
			"http://switchboard.example.com": false, "http://10.0.0.5:8080": false, "http://[2001:db8::1]": false, "HTTP://switchboard.example.com": false, "http://localhost.example.com": false,
			"https://switchboard.example.com": true, "http://localhost:8080": true, "http://127.0.0.1:8080": true, "http://[::1]:8080": true,
		} {
			for _, environment := range []string{"test", "production", "production-india", "sandbox"} {
				_, err := load(nil, env{"CYBS_ENVIRONMENT": environment, variable: value})
				if want := fine || environment == "sandbox"; (err == nil) != want {
					t.Errorf("%s=%s in %s: %v", variable, value, environment, err)
				} else if err != nil && (!strings.Contains(err.Error(), variable) || !strings.Contains(err.Error(), "https")) {
					t.Errorf("%s=%s: %v, want one that names the variable and https", variable, value, err)
				}
			}
		}
	}
	for variable, address := range map[string]string{"CONSOLE_URL": "CONSOLE_ADDR", "RECEIVER_URL": "RECEIVER_ADDR"} {
		for _, value := range []string{":9090", "0.0.0.0:9090", "[::]:9090", "10.0.0.5:9090"} {
			if _, err := load(nil, env{"CYBS_ENVIRONMENT": "production", address: value}); err == nil || !strings.Contains(err.Error(), variable) {
				t.Errorf("%s=%s without %s: %v", address, value, variable, err)
			}
		}
	}
}
