// Package model is statistical models of customers: fitted by maximum likelihood, and then functions of their numbers.
//
// bgnbd.go is how often customers buy and whether they still do, gammagamma.go what they spend, value.go both
// together; fit.go finds the greatest likelihood and intervals.go how sure it is; special.go is the functions of
// mathematics that package math has not; simulate.go draws customers from a model.
package model
