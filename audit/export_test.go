package audit

import "io/fs"

// VerifyFiles verifies a log by package audit/verify, which imports this one, so that only the package audit_test can set it.
// kept are notes. It returns a text for each fault, which begins with its kind.
var VerifyFiles func(files fs.FS, kept []string, inUse, allowUnsigned bool) ([]string, error)
