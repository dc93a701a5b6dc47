"""The published MFCC recipe and its content-addressed cache."""
