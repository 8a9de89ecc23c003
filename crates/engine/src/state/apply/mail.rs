//! How facts change mail: each copy follows the text that carries it.

use crate::model::mail::number_of;
use crate::state::State;
use crate::{Delivery, Mail, MailCopy, MailId, Millis, TicketId};

impl State {
    pub(super) fn send_mail(&mut self, mail: &Mail, number: u64) {
        self.next_mail = self.next_mail.max(number);
        let number = mail.number();
        self.mail.insert(number, mail.clone());
        self.note_mail(number);
    }

    /// Changes the copy of one reader.
    pub(super) fn change_copy(&mut self, id: &MailId, reader: Option<&TicketId>, change: impl FnOnce(&mut MailCopy)) {
        let number = number_of(id);
        let mail = self.mail.get_mut(&number).filter(|mail| &mail.id == id);
        let copy = mail.and_then(|mail| mail.copies.iter_mut().find(|copy| copy.to.as_ref() == reader));
        if let Some(copy) = copy {
            change(copy);
            self.note_mail(number);
        }
    }

    /// A text is on its way that carries a mail.
    pub(super) fn carry_mail(&mut self, delivery: &Delivery) {
        if let Some(mail) = &delivery.mail {
            let id = delivery.id.clone();
            self.change_copy(mail, Some(&delivery.ticket), |copy| copy.delivery = Some(id));
        }
    }

    /// Texts came into a session.
    pub(super) fn mail_arrived(&mut self, now: Millis, said: &[Delivery]) {
        for delivery in said {
            if let Some(mail) = &delivery.mail {
                self.change_copy(mail, Some(&delivery.ticket), |copy| copy.delivered = Some(now));
            }
        }
    }

    /// Texts that carried mail will not be said: whether it waits or comes back follows from the phase of the ticket.
    pub(super) fn mail_waits_again(&mut self, gone: &[Delivery]) {
        for delivery in gone {
            if let Some(mail) = &delivery.mail {
                self.change_copy(mail, Some(&delivery.ticket), |copy| copy.delivery = None);
            }
        }
    }

    /// What was acknowledged need not be said any more.
    pub(super) fn read_mail(&mut self, now: Millis, id: &MailId, reader: Option<&TicketId>) {
        let carried = self.mail_of(id).and_then(|mail| mail.copy_for(reader)).and_then(|copy| copy.delivery.clone());
        let pending = carried.filter(|delivery| self.deliveries.contains_key(delivery));
        self.change_copy(id, reader, |copy| copy.read = Some(now));
        if let (Some(ticket), Some(pending)) = (reader, pending) {
            self.deliveries.remove(&pending);
            self.change(ticket, |t| t.undelivered.retain(|d| d != &pending));
        }
    }

    fn note_mail(&mut self, number: u64) {
        self.changes.mail.insert(number);
        if self.mail.get(&number).is_some_and(Mail::waits) {
            self.index.waiting_mail.insert(number);
        } else {
            self.index.waiting_mail.remove(&number);
        }
    }
}
