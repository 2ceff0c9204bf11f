package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// machine describes on what the figures were taken.
func machine() string {
	return fmt.Sprintf("%s, %d cores; Linux %s; %s; nginx %s; HAProxy %s; both sides %s, %s, P-256 certificates.",
		cpuModel(), runtime.NumCPU(), kernel(), runtime.Version(), version("nginx", "-v"), version("haproxy", "-v"),
		tls.CipherSuiteName(suite), group)
}

// cpuModel is what the processor calls itself.
func cpuModel() string {
	text, _ := os.ReadFile("/proc/cpuinfo") // without it the model is unknown
	return field(string(text), "model name")
}

// field finds a "name : value" line.
func field(text, name string) string {
	for line := range strings.Lines(text) {
		if k, v, found := strings.Cut(line, ":"); found && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

// kernel returns the version without what a builder appended.
func kernel() string {
	var name unix.Utsname
	if unix.Uname(&name) != nil {
		return "unknown"
	}
	release, _, _ := strings.Cut(unix.ByteSliceToString(name.Release[:]), "-")
	return release
}

var versionNumber = regexp.MustCompile(`\d+\.\d+[.\d]*`)

// version is the first number that a program says of itself.
func version(program, flag string) string {
	text, err := exec.Command(program, flag).CombinedOutput()
	if err != nil {
		return "not there"
	}
	return versionNumber.FindString(string(text))
}
