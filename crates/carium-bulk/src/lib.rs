//! Onboarding many patients with Carium.

pub mod rows;
