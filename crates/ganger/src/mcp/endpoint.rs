//! The HTTP endpoint: loopback only, Host and Origin checked, one token for each attempt.

use super::handler::Handler;
use super::hook::{self, AgentCall};
use crate::agents::ToolAccess;
use crate::client::Client;
use crate::failure::Failure;
use crate::os;
use crate::tools::Identity;
use axum::Router;
use axum::body::to_bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// No call of an agent is larger.
const MOST_BYTES: usize = 32 << 20;

/// Where attempts reach the tools.
pub(crate) struct Endpoint {
    url: String,
    listener: Mutex<Option<TcpListener>>,
    book: Arc<Book>,
}

/// Who may call.
#[derive(Default)]
struct Book {
    tokens: Mutex<BTreeMap<String, Identity>>,
}

impl Book {
    fn identify(&self, token: &str) -> Option<Identity> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned()
    }
}

impl Endpoint {
    /// Listens on a free port of the loopback interface.
    pub(crate) async fn start() -> Result<Self, Failure> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        Ok(Self { url, listener: Mutex::new(Some(listener)), book: Arc::default() })
    }

    /// Serves tools in the name of a host, and hands over what their sessions have to know, in its order. Once.
    pub(crate) fn serve(&self, client: &Arc<Client>) -> mpsc::UnboundedReceiver<AgentCall> {
        let (calls, hooks) = mpsc::unbounded_channel();
        if let Some(listener) = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take() {
            self.serve_on(listener, client, calls);
        }
        hooks
    }

    fn serve_on(&self, listener: TcpListener, client: &Arc<Client>, calls: mpsc::UnboundedSender<AgentCall>) {
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_json_response(true)
            .enforce_origin_validation();
        let weak = Arc::downgrade(client);
        let hooks = post(hook::judge).with_state(calls.clone()).layer(DefaultBodyLimit::max(MOST_BYTES));
        let make = move || Ok(Handler::new(weak.clone(), calls.clone()));
        let service = StreamableHttpService::new(make, Arc::new(LocalSessionManager::default()), config);
        let port = listener.local_addr().map_or(0, |address| address.port());
        let checked = middleware::from_fn_with_state((Arc::clone(&self.book), port), identify);
        let router = Router::new().nest_service("/mcp", service).route("/hook", hooks).layer(checked);
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        tokio::spawn(async move { axum::serve(listener, router).await });
    }

    /// A new key, in a file of this folder that only the user can read; it opens nothing yet.
    pub(crate) fn key(&self, folder: &Path) -> std::io::Result<ToolAccess> {
        let token = uuid::Uuid::new_v4().simple().to_string();
        let token_file = folder.join("token");
        os::write_private(&token_file, token.as_bytes())?;
        let (url, hook_url) = (format!("{}/mcp", self.url), format!("{}/hook", self.url));
        Ok(ToolAccess { url, hook_url, token, token_file })
    }

    /// From now on the key stands for this attempt.
    pub(crate) fn admit(&self, access: &ToolAccess, identity: Identity) {
        self.book.tokens.lock().unwrap_or_else(PoisonError::into_inner).insert(access.token.clone(), identity);
    }

    pub(crate) fn revoke(&self, token: &str) {
        self.book.tokens.lock().unwrap_or_else(PoisonError::into_inner).remove(token);
    }
}

/// Nobody without a token gets any further.
async fn identify(
    State((book, port)): State<(Arc<Book>, u16)>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|h| h.to_str().ok());
    let identity = header.and_then(|h| h.strip_prefix("Bearer ")).and_then(|t| book.identify(t.trim()));
    match identity {
        Some(identity) if is_of_another(&identity, (peer.port(), port)).await => {
            (StatusCode::FORBIDDEN, "this process belongs to another attempt: a token is for its own only")
                .into_response()
        }
        Some(identity) => {
            request.extensions_mut().insert(identity);
            let (head, body) = request.into_parts();
            // Whoever reads it keeps all of it in memory.
            match to_bytes(body, MOST_BYTES).await {
                Ok(body) => next.run(Request::from_parts(head, body.into())).await,
                Err(_) => {
                    (StatusCode::PAYLOAD_TOO_LARGE, "the call is larger than 32 MiB, or broke off").into_response()
                }
            }
        }
        None => (StatusCode::UNAUTHORIZED, "the token is missing, unknown or revoked").into_response(),
    }
}

/// Whether the caller was started by another attempt, or by a gate. Of whoever hides that, and of servers that several
/// attempts share, nothing is known.
async fn is_of_another(identity: &Identity, connection: (u16, u16)) -> bool {
    let behind = os::blocking(move || os::attempts_behind(connection)).await;
    let own = format!("/{}", identity.attempt);
    behind.iter().any(|marker| !marker.ends_with(&own))
}
