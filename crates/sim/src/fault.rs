//! The faults of the simulated world, and how rare each of them is. They end with [`crate::Settings::faults_ms`].

macro_rules! faults {
    ($($(#[$doc:meta])* $name:ident: $one_in:expr,)*) => {
        /// A fault.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Fault {
            $($(#[$doc])* $name,)*
        }

        impl Fault {
            /// Every fault.
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)*];

            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// Where it can happen, it happens once in so many times.
            pub(crate) fn one_in(self) -> u64 {
                match self {
                    $(Self::$name => $one_in,)*
                }
            }
        }
    };
}

faults! {
    /// Something that mostly is quick takes seconds.
    Slow: 50,

    /// A foreman dies before one of its actions.
    ForemanCrashes: 6_000,
    /// A foreman dies after main moved, before it can say so.
    ForemanCrashesAfterLanding: 20,
    /// A foreman sleeps longer than its lease, and wakes up as a zombie.
    ForemanSleeps: 400,
    /// The person stops a foreman: at once, or after draining.
    ForemanStopped: 4_000,
    /// The store fails; nothing is stored.
    AppendFails: 300,
    /// Stored or not, nobody says.
    AppendUnclear: 200,
    /// The disk is full; nothing is stored.
    DiskFull: 600,
    /// A merge conflicts, or its gates are red.
    MergeFails: 6,

    /// A host dies, or is stopped for a while.
    HostLeaves: 600,
    /// A host dies in the middle of its actions.
    HostCrashes: 9_000,
    /// Nothing reaches a host or leaves it for a while.
    HostCutOff: 1_200,
    /// A host is told to take nothing more up; when it is empty, it is started anew.
    HostDrained: 1_500,

    /// A message to the foreman arrives twice.
    MessageTwice: 15,
    /// An order to a host is lost.
    OrderLost: 25,
    /// An order to a host arrives twice.
    OrderTwice: 20,
    /// Messages arrive in another order.
    Reordered: 10,
    /// An answer is lost.
    ReplyLost: 40,
    /// Inputs are decided, but stay in the stream.
    AcknowledgementLost: 60,
    /// What a host tells the foreman is lost.
    HostMessageLost: 30,
    /// What a session tells the foreman is lost.
    SessionMessageLost: 40,
    /// The end of an attempt could not be stored.
    EndNotStored: 20,
    /// The end of an attempt was stored, but the host was told that it was not.
    EndStoredUnnoticed: 2,
    /// Evidence is lost on its way.
    EvidenceLost: 30,

    /// The name of a branch is taken: only a person can change that.
    BranchIsTaken: 400,
    /// A workspace cannot be made.
    WorkspaceFails: 40,
    /// The branches that a ticket builds on conflict.
    BaseConflict: 3,
    /// What an attempt left cannot be looked at.
    InspectionFails: 60,
    /// A workspace cannot be removed without losing something.
    WorkspaceKept: 5,
    /// The tree for the gates cannot be made.
    NoGateTree: 8,
    /// A gate is killed from outside.
    GateKilled: 20,
    /// A gate is red without any work.
    RedBase: 3,
    /// A gate cannot be started.
    GateCannotRun: 40,

    /// A session cannot compare its workspace.
    WorkspaceUnreadable: 10,
    /// A file of a session cannot be written.
    SessionFileNotWritten: 80,
    /// A driver does not close its process.
    DriverDoesNotClose: 10,
    /// A runtime reports something twice.
    ReportedTwice: 60,
    /// A runtime reports something of a turn that is over.
    ReportedLate: 30,
}
