package main

import (
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"

	"tollgate/internal/text"
)

// invocation returns how the program was started, for lines that can be pasted into a shell in the same folder.
func invocation() string {
	executable, err := os.Executable()
	if err != nil {
		executable = os.Args[0]
	}
	if isGoRun(executable) {
		return goRun()
	}
	return text.ShellWord(os.Args[0])
}

// isGoRun reports whether go run built the executable, for this run alone: it is in $WORK/b001/exe, and gone with the go command.
func isGoRun(executable string) bool {
	dir := filepath.Dir(executable)
	return filepath.Base(dir) == "exe" && strings.Contains(filepath.ToSlash(dir), "/go-build")
}

// goRun returns the go command: by the folder from the root of the module, and by the path of the package from elsewhere in it.
func goRun() string {
	path, folder := "tollgate/cmd/proxy", "cmd/proxy"
	if info, ok := debug.ReadBuildInfo(); ok && info.Path != "" {
		path, folder = info.Path, strings.TrimPrefix(info.Path, info.Main.Path+"/")
	}
	if _, err := os.Stat("go.mod"); err == nil {
		return "go run ./" + folder
	}
	return "go run " + path
}
