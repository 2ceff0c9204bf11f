// Package style has the style sheet of pages and reports: light and dark, on screens of any width and on paper.
package style

import (
	"crypto/sha256"
	_ "embed" // for the sheet
	"encoding/hex"
)

// Sheet is the style sheet, as CSS.
//
//go:embed style.css
var Sheet string

// Version is a hash of the sheet, for its address.
var Version = func() string {
	sum := sha256.Sum256([]byte(Sheet))
	return hex.EncodeToString(sum[:6])
}()
