//! Palettes of nine colours, one for each role in a picture. Every palette has a light (day) and a
//! dark (night) scheme. The dark scheme is not an inversion: it has a dark background and slightly
//! brighter colours.

/// Role of a colour in a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The background.
    Ground,
    /// A second background, close to the first.
    Tone,
    /// Lines and small shapes with high contrast.
    Ink,
    /// The heaviest shapes.
    Mass,
    /// The dominant colour.
    Lead,
    /// The secondary colour.
    Reply,
    /// A bright accent, used sparingly.
    Spark,
    /// A muted colour between ground and mass.
    Veil,
    /// A dark area behind other shapes, dark in both schemes.
    Deep,
}

impl Role {
    /// Returns the CSS class of shapes filled with this colour.
    pub fn fill(self) -> char {
        match self {
            Self::Ground => 'g',
            Self::Tone => 't',
            Self::Ink => 'i',
            Self::Mass => 'm',
            Self::Lead => 'l',
            Self::Reply => 'r',
            Self::Spark => 's',
            Self::Veil => 'v',
            Self::Deep => 'd',
        }
    }

    /// Returns the CSS class of shapes outlined in this colour.
    pub fn stroke(self) -> char {
        self.fill().to_ascii_uppercase()
    }
}

/// The colours of both schemes, in the order of [`Role`].
#[derive(Debug)]
pub struct Palette {
    pub day: [&'static str; 9],
    pub night: [&'static str; 9],
}

#[rustfmt::skip] // one row per scheme: ground, tone, ink, mass, lead, reply, spark, veil, deep
pub const PALETTES: [Palette; 16] = [
    // Weimar
    Palette { day: ["#f3ecdc", "#e9dfc9", "#1d1c1a", "#22211f", "#d23a22", "#214f97", "#f0b323", "#bdb5a3", "#2a2d33"],
              night: ["#17181b", "#202226", "#e9e0cd", "#cfc6b2", "#dd4b31", "#4775c4", "#f0bd48", "#4c4e52", "#33363d"] },
    // Murnau
    Palette { day: ["#f1e8d8", "#e8dac3", "#2b2140", "#33275a", "#28618f", "#df7a3c", "#efba30", "#9dbcae", "#2f2656"],
              night: ["#161526", "#1f1d35", "#efe3cb", "#7a6cc0", "#3f86b8", "#e2834a", "#f2cb62", "#3d5560", "#302a5a"] },
    // Tunis
    Palette { day: ["#f5e6cd", "#eed9b7", "#43293a", "#5b3547", "#c65a3a", "#2f8582", "#e9a83f", "#dcb98c", "#4f2e40"],
              night: ["#211720", "#2d1f2a", "#f2dfc0", "#98607a", "#d36a48", "#3f9a95", "#edb455", "#5f463f", "#4a3140"] },
    // Stockholm
    Palette { day: ["#f4eee6", "#ebe2d8", "#35325a", "#44427a", "#d5747c", "#5c86bd", "#f0b02f", "#c6cdb4", "#3d3b70"],
              night: ["#181a2b", "#22243a", "#f0e7dd", "#8b87c9", "#d97f88", "#6593cb", "#f2bd4c", "#464b5a", "#34355f"] },
    // Davos
    Palette { day: ["#f2f1ec", "#e6e6df", "#1f2c38", "#24343f", "#17776d", "#e2502f", "#f1c232", "#bccad1", "#1f3440"],
              night: ["#121b20", "#1a262c", "#e8ebe4", "#a9bcc2", "#269384", "#e65f3f", "#f1c850", "#3a4d57", "#24424d"] },
    // Night train
    Palette { day: ["#e6ebee", "#d8e0e5", "#14213a", "#182848", "#e4623f", "#2f5f9e", "#f0b843", "#9db4c5", "#1a2b50"],
              night: ["#0f1726", "#182235", "#e4eaf0", "#6f8fc4", "#e66e4d", "#3e74b8", "#f4cc72", "#34465e", "#22365d"] },
    // Clearing
    Palette { day: ["#eff0e3", "#e3e6d2", "#1e3026", "#213d2f", "#2f7550", "#cf4a2c", "#dfa93d", "#aec3a2", "#203e30"],
              night: ["#111a15", "#1a261f", "#e8ecd9", "#9cb79a", "#3b8f64", "#d85c3e", "#e5b654", "#3b5243", "#254432"] },
    // Damson
    Palette { day: ["#f5ebe6", "#ecdcd6", "#351529", "#4a1b39", "#8a2f57", "#2a7f86", "#e69440", "#dcb5b0", "#4b1d3b"],
              night: ["#1d1019", "#291723", "#f3e2dc", "#b5648f", "#a83f6d", "#38959b", "#eba457", "#5b3848", "#4c223e"] },
    // Linen
    Palette { day: ["#f0ece4", "#e5dfd3", "#1f1d1b", "#2a2826", "#7d766b", "#a79d8d", "#d23b24", "#cbc3b4", "#2c2a28"],
              night: ["#181817", "#222120", "#ebe6dc", "#cbc4b7", "#8d867b", "#67625a", "#dc4b34", "#403d39", "#363431"] },
    // Sea glass
    Palette { day: ["#e9f1ec", "#dae7e1", "#113642", "#14475a", "#1c7c86", "#ee7f5f", "#efbd2e", "#a4cdc5", "#154656"],
              night: ["#0c1c22", "#13282f", "#e1efe9", "#5aa3b8", "#268f97", "#ee8a6c", "#f2d067", "#2a4f55", "#1a4855"] },
    // Mustard
    Palette { day: ["#ecb94f", "#e6ad3b", "#2a1d16", "#33241c", "#c23a22", "#1c5468", "#fbf0d6", "#d7943a", "#3b2619"],
              night: ["#2a1e0d", "#372712", "#f3dfb4", "#d9a03a", "#d34e30", "#3a8499", "#f6e6c0", "#6e4e1e", "#4d3518"] },
    // Vermilion
    Palette { day: ["#d5502f", "#cb4526", "#23171b", "#2a1b21", "#f5e5c8", "#1d3557", "#f5b93f", "#b23a1f", "#2a1c23"],
              night: ["#3a130c", "#481a10", "#f5dcc0", "#c2452a", "#ecd9ba", "#4a78b5", "#f0b548", "#6e2617", "#5c2013"] },
    // Cobalt
    Palette { day: ["#264a9c", "#1f418e", "#f6eddb", "#0a1433", "#f3e6cc", "#e8573a", "#f5bd3d", "#5f83c9", "#12255c"],
              night: ["#0d1a40", "#13234f", "#efe6d4", "#3a5fb8", "#e5d8be", "#e2583c", "#f2c14e", "#2c4788", "#1c3478"] },
    // Blush
    Palette { day: ["#f2cfc0", "#ecc1b0", "#2b1c3a", "#3a2450", "#d8402f", "#27647d", "#fffaf1", "#dd9d8c", "#3c2552"],
              night: ["#2a161c", "#371d25", "#f6dccf", "#9a6fc0", "#e0503d", "#3c86a3", "#f8e7d6", "#6b3a40", "#47263f"] },
    // Iris
    Palette { day: ["#ebe6f2", "#dfd8eb", "#251e45", "#2f2757", "#5c4bab", "#e0735a", "#efb737", "#bfb3de", "#352b66"],
              night: ["#161327", "#201b37", "#ebe4f5", "#8f7fd8", "#7160c6", "#e37e66", "#f2c75c", "#443b70", "#332b62"] },
    // Lichen
    Palette { day: ["#dedac4", "#d2cdb2", "#26282c", "#2e3138", "#b4432b", "#3f7468", "#e0a61c", "#aaae90", "#32393f"],
              night: ["#191a17", "#242520", "#e6e1cb", "#a9ad8e", "#c75438", "#4f8b7d", "#eac052", "#4c5042", "#3a3f3a"] },
];
