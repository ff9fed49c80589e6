// Package pipe is what stands between a command and the screen: the filters of
// `| include RE` and its kin, and the pager. Both are io.Writers that stream,
// so that a long command shows its first line at once and stops early when
// nobody wants the rest.
package pipe
