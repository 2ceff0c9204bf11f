// Package deploytest holds what is in deploy/ against the programs that will read it: Helm, the types of Kubernetes, Compose, and the gateway
// itself. It is a module of its own, so that these stay out of the product's.
package deploytest
