"""The lab: experiments that run your own functions (`experiments`), and pictures of what they give (`pictures`)."""
